"""YOLOv4 and YOLOv4-tiny for the knee joint: network, Darknet files, training, detection, cropping."""

from jsl_core.detection.crop import Joint, crop_joint
from jsl_core.detection.detector import Detection, JointDetector

__all__ = ["Detection", "Joint", "JointDetector", "crop_joint"]
