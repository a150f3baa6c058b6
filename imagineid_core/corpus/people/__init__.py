"""People pictured for the image networks: portraits with meshes, masks, plates and captions."""

from imagineid_core.corpus.people.build import build_people_corpus
from imagineid_core.corpus.people.corpus import PeopleCorpus, open_people_corpus
from imagineid_core.corpus.people.pictures import PersonPictures, draw_pictures, to_bytes, to_image

__all__ = [
    "PeopleCorpus",
    "PersonPictures",
    "build_people_corpus",
    "draw_pictures",
    "open_people_corpus",
    "to_bytes",
    "to_image",
]
