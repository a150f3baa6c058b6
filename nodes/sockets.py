"""Our own kinds of wires; everything else that runs between nodes is ComfyUI's own.

The names are permanent: they are written into people's workflows. Knows nothing about nodes.
"""

from comfy_api.latest import io

PAD = io.Custom("IMAGINEID_PAD")  # listening_networks.ListeningNetworks
IDENTITY = io.Custom("IMAGINEID_IDENTITY")  # values.Identity: alpha, theta_id
CONTENT = io.Custom("IMAGINEID_CONTENT")  # values.Content: l-bar, l
EMOTION = io.Custom("IMAGINEID_EMOTION")  # values.Emotion: theta_e, beta
MOTION = io.Custom("IMAGINEID_MOTION")  # values.MotionTrack: p, blink
PERFORMANCE = io.Custom("IMAGINEID_PERFORMANCE")  # values.Performance: all a face does in a clip
FACE_BASIS = io.Custom("IMAGINEID_FACE_BASIS")  # values.FaceBasis
MESH = io.Custom("IMAGINEID_MESH")  # pipeline.imagined_film.MeshPictures: rendered when asked for
ADAPTERS = io.Custom("IMAGINEID_ADAPTERS")  # adapters.AdapterBundle
OPTIONS = io.Custom("IMAGINEID_OPTIONS")  # fields of ImagineConfig that are not the sampler's own

MAKERS = {  # of a kind of wire: the node whose output it is
    "IMAGINEID_PAD": "PAD Loader",
    "IMAGINEID_IDENTITY": "PAD Identity",
    "IMAGINEID_CONTENT": "PAD Content",
    "IMAGINEID_EMOTION": "PAD Emotion",
    "IMAGINEID_MOTION": "Head Motion",
    "IMAGINEID_PERFORMANCE": "Head Motion",
    "IMAGINEID_FACE_BASIS": "Face Basis Loader",
    "IMAGINEID_MESH": "3DMM Render",
    "IMAGINEID_ADAPTERS": "Adapter Loader",
    "IMAGINEID_OPTIONS": "Imagine Options",
    "AUDIO": "Audio Loader",
}
