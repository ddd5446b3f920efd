"""The built-in plugins, as strings that are imported on demand. Every package can have such a table.

A value names a callable that makes the plugin; a protocol's parameters become its keyword arguments. A name that ends
in ":" is a family's: its callable gets what follows the colon.
"""

PLUGINS: dict[str, dict[str, str]] = {
    "codec": {
        "avif": "plugins.codecs.avif:Avif",
        "bmshj2018-factorized": "plugins.codecs.neural:Bmshj2018Factorized",
        "bmshj2018-hyperprior": "plugins.codecs.neural:Bmshj2018Hyperprior",
        "bpg": "plugins.codecs.bpg:Bpg",
        "cheng2020-anchor": "plugins.codecs.neural:Cheng2020Anchor",
        "cheng2020-attn": "plugins.codecs.neural:Cheng2020Attn",
        "heif": "plugins.codecs.heif:Heif",
        "hevc-intra": "plugins.codecs.hevc_intra:HevcIntra",
        "jpeg": "plugins.codecs.jpeg:Jpeg",
        "jpeg2000": "plugins.codecs.jpeg2000:Jpeg2000",
        "jpegxl": "plugins.codecs.jpegxl:JpegXl",
        "mbt2018": "plugins.codecs.neural:Mbt2018",
        "mbt2018-mean": "plugins.codecs.neural:Mbt2018Mean",
        "none": "plugins.codecs.none:NoCodec",
        "pv-factorized": "plugins.codecs.neural:PvFactorized",
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
