"""The built-in plugins, as strings that are imported on demand. Every package can have such a table.

A value names a callable that makes the plugin; a protocol's parameters become its keyword arguments. A name that ends
in ":" is a family's: its callable gets what follows the colon.
"""

PLUGINS: dict[str, dict[str, str]] = {
    "codec": {
        "avif": "plugins.codecs.avif:Avif",
        "bpg": "plugins.codecs.bpg:Bpg",
        "heif": "plugins.codecs.heif:Heif",
        "hevc-intra": "plugins.codecs.hevc_intra:HevcIntra",
        "jpeg": "plugins.codecs.jpeg:Jpeg",
        "jpeg2000": "plugins.codecs.jpeg2000:Jpeg2000",
        "jpegxl": "plugins.codecs.jpegxl:JpegXl",
        "none": "plugins.codecs.none:NoCodec",
        "webp": "plugins.codecs.webp:Webp",
    },
    "dataset": {
        "image-folder": "plugins.datasets.image_folder:ImageFolder",
        "pv-cells": "plugins.datasets.pv_cells:PvCells",
    },
    "model": {
        "efficientnet-lite0": "plugins.models.efficientnet_lite:imagenet_lite0",
        "efficientnet-lite1": "plugins.models.efficientnet_lite:imagenet_lite1",
        "efficientnet-lite2": "plugins.models.efficientnet_lite:imagenet_lite2",
        "pv-efficientnet-lite0": "plugins.models.efficientnet_lite:pv_lite0",
        "pv-efficientnet-lite1": "plugins.models.efficientnet_lite:pv_lite1",
        "pv-efficientnet-lite2": "plugins.models.efficientnet_lite:pv_lite2",
        "timm:": "plugins.models.timm_classifiers:classifier",
        "torchvision:": "plugins.models.torchvision_classifiers:classifier",
    },
    "mitigation": {
        "none": "plugins.mitigations.none:NoMitigation",
    },
}
