"""English sentences by the thousand, split so that test sentences are news to who was trained.

Every pair of neighbouring content words belongs to one split; a sentence uses pairs of its own
split only. Knows nothing about sound or faces.
"""

from hashlib import blake2s

import numpy as np

from imagineid_core.errors import InputError

SPLITS = {"train": 0.70, "validation": 0.15, "test": 0.15}  # shares of the word pairs

WORDS: dict[str, tuple[str, ...]] = {
    "who": (
        "Bob", "Emma", "Peter", "Maggie", "Pamela", "Tom", "Robin", "Amy", "Felix", "Vivian",
        "Judy", "George", "Ruth", "Keith", "Shirley", "Charlie", "Yolanda", "Wendy", "Hugo",
        "Zoe", "my mother", "my brother", "the baker", "the plumber", "the painter", "the farmer",
        "the pilot", "the mayor", "the boy", "the teacher", "the driver", "the judge", "the chef",
        "the nurse", "the thief", "a woman", "a member", "the bishop", "the captain", "the poet",
        "the young man", "her uncle", "his father", "our neighbour", "the shepherd",
    ),
    "did": (
        "bought", "made", "moved", "painted", "grabbed", "chopped", "mopped", "bumped", "missed",
        "found", "gave up", "threw", "washed", "watched", "judged", "enjoyed", "pushed", "pulled",
        "fixed", "shook", "showed", "covered", "loved", "chose", "measured", "changed", "followed",
        "described", "remembered", "borrowed", "polished", "opened", "kept", "hid", "forgot",
        "brought", "heard about", "cooked", "asked for", "put away", "wrapped", "saved", "drew",
        "breathed on", "used",
    ),
    "like": (
        "big", "small", "blue", "brown", "purple", "empty", "beautiful", "broken", "simple",
        "marble", "bumpy", "warm", "rough", "smooth", "thin", "thick", "fresh", "heavy", "yellow",
        "golden", "orange", "charming", "huge", "noisy", "loyal", "shiny", "wooden", "foreign",
        "cheap", "clever", "cosy", "usual", "strange", "soft", "velvet", "red", "green", "muddy",
        "peaceful", "marvellous", "plump", "damp", "pale", "bright", "wet",
    ),
    "what": (
        "boat", "apple", "map", "lamp", "pepper", "bottle", "piano", "camera", "balloon", "pump",
        "mushroom", "thimble", "umbrella", "album", "ribbon", "bubble", "bedroom", "bathtub",
        "treasure", "garage", "toy", "coin", "boiler", "house", "mouse", "cow", "mountain", "book",
        "wolf", "cushion", "sugar", "cheese", "chair", "watch", "jacket", "orange", "bridge",
        "ring", "song", "fish", "shoe", "feather", "path", "tooth", "cloth", "vase", "glove",
        "zebra", "puzzle", "rose", "ladder", "yacht", "universe", "violin", "quilt", "pumpkin",
    ),
    "where": (
        "at home", "in Boston", "by the pond", "near the museum", "in the park", "on the bus",
        "behind the barn", "at the market", "in the village", "under the bridge", "above the shop",
        "beside the pool", "at the beach", "in the garden", "on the third floor", "from Peru",
        "in the theatre", "at the station", "by the big tree", "among the bushes", "on the roof",
        "in the south", "around the corner", "along the river", "in a small room", "on the farm",
        "near the church", "outside", "in the mud", "over the moon", "at the top", "in the boot",
    ),
    "when": (
        "today", "tomorrow", "yesterday", "in April", "in May", "in November", "on Monday",
        "on Thursday", "before lunch", "before noon", "this morning", "after supper", "at midnight",
        "all summer", "for a month", "every week", "in the evening", "once more", "by chance",
        "in autumn", "at five", "at about nine", "for two hours", "last February", "right away",
        "again and again", "once a year", "in a moment",
    ),
    "how": (
        "happily", "bravely", "simply", "probably", "finally", "maybe", "smoothly", "loudly",
        "truly", "usually", "warmly", "calmly", "quietly", "politely", "proudly", "slowly",
        "cheerfully", "with joy", "promptly", "thoughtfully", "gently", "in vain", "roughly",
        "boldly", "by mistake", "amazingly", "humbly", "carefully", "oddly", "clumsily",
    ),
}  # fmt: skip

TEMPLATES: tuple[str, ...] = (
    "{who} {did} the {like} {what} {when}",
    "{who} {did} a very {like} {what} {where}",
    "{when} {who} {did} my {like} {what}",
    "I hear that {who} {did} both the {what} and the {what}",
    "{who} {did} the {what} {where} {when}",
    "I think {who} {did} the {like} {what}",
    "{where} we saw a {like} {what} and a {like} {what}",
    "please put the {like} {what} by the {what} {when}",
    "{who} and {who} {did} the {what} {how}",
    "the {what} {where} was more {like} than the {what}",
    "you may bring the {like} {what} {when}, but not the {what}",
    "my {what} and {who} were {where} {when}",
    "{who} {how} {did} the {like}, {like} {what}",
    "people say that {who} {did} a {what} {where}",
    "nobody {did} the {what} that {who} {did}",
    "we hope the {like} {what} is {where} {when}",
    "either the {what} or the {like} {what} must be {where}",
    "{how} {who} told me about the {like} {what}",
    "why would {who} want the {like} {what} {where}",
    "the {like} {what} belongs to {who}, not to {who}",
)
_KINDS = {
    template: tuple(part.split("}")[0] for part in template.split("{")[1:])
    for template in TEMPLATES
}


def draw_sentence(split: str, seed: int | tuple[int, ...]) -> str:
    """The sentence of this seed, without a full stop: prosody chooses how it ends."""
    if split not in SPLITS:
        raise InputError(f"split is '{split}'. Use one of: {', '.join(SPLITS)}.")
    draw = np.random.default_rng([*np.atleast_1d(seed), 23])
    while True:
        template = TEMPLATES[int(draw.integers(len(TEMPLATES)))]
        words = _draw_words(_KINDS[template], split, draw)
        if words is not None:
            return _filled(template, words)


def split_of_pair(first: str, second: str) -> str:
    """The one split in which these two words may follow each other; the same for ever."""
    share = blake2s(f"{first}|{second}".encode()).digest()[0] / 256
    ends = np.cumsum(list(SPLITS.values()))
    return list(SPLITS)[min(int(np.searchsorted(ends, share, side="right")), len(SPLITS) - 1)]


def _draw_words(kinds: tuple[str, ...], split: str, draw: np.random.Generator) -> list[str] | None:
    """None where the words before leave no partner in this split: rare, lists are long."""
    words: list[str] = []
    for kind in kinds:
        choices = [
            word
            for word in WORDS[kind]
            if word not in words and (not words or split_of_pair(words[-1], word) == split)
        ]
        if not choices:
            return None
        words.append(choices[int(draw.integers(len(choices)))])
    return words


def _filled(template: str, words: list[str]) -> str:
    parts = template.split("{")
    text = parts[0]
    for part, word in zip(parts[1:], words, strict=True):
        text += word + part.split("}")[1]
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return text[0].upper() + text[1:]
