from lib import case, flexbuffer, graph, node, oracle_outputs, tensor

import numpy as np

FAMILY = "detection"


def detection(name, boxes=12, classes=3, type="float32", background=True, ties=False, spread=1.0, **options):
    rng = np.random.default_rng(len(name) * 100 + boxes + classes)
    values = dict(max_detections=4, max_classes_per_detection=1, num_classes=classes, nms_score_threshold=0.2,
                  nms_iou_threshold=0.4, y_scale=10.0, x_scale=10.0, h_scale=5.0, w_scale=5.0) | options
    columns = classes + background
    anchors = np.concatenate([rng.uniform(0, spread, [boxes, 2]), rng.uniform(0.2, 0.6, [boxes, 2])], 1)
    offsets = rng.uniform(-3, 3, [1, boxes, 4])
    scores = rng.uniform(0, 1, [1, boxes, columns])
    if ties:
        scores = np.round(scores * 4) / 4
    if type == "float32":
        inputs = [tensor(data=offsets, shape=None), tensor(data=scores, shape=None),
                  tensor(data=anchors, shape=None, const=True)]
    else:
        def quantized(data, scale, zero_point, const=False):
            ends = np.iinfo(type)
            zero_point += int(ends.min)
            stored = np.clip(np.round(data / scale) + zero_point, ends.min, ends.max)
            return tensor(data=stored, shape=None, type=type, scale=scale, zero_point=zero_point, const=const)
        inputs = [quantized(offsets, 6 / 255, 128), quantized(scores, 1 / 256, 0), quantized(anchors, 1.2 / 255, 10, True)]
    outputs = [tensor(None) for _ in range(4)]
    expected = None
    if type == "int8":  # LiteRT has uint8 alone: the same numbers, 128 lower.
        unsigned = [tensor(data=t.data.astype(np.int32) + 128, shape=None, type="uint8", scale=t.scale, zero_point=t.zero_point + 128, const=t.const)
                    for t in inputs]
        made = [tensor(None) for _ in outputs]
        same = graph([node("TFLite_Detection_PostProcess", unsigned, made, custom=flexbuffer(values))], [t for t in unsigned if not t.const], made)
        expected = oracle_outputs([same], "ref", 1)[1]
    case(FAMILY, name, "TFLite_Detection_PostProcess", custom=flexbuffer(values), inputs=inputs, outputs=outputs, expected=expected,
         resolver=None if expected else "ref")


def cases():
    detection("fast")
    detection("fast_many", boxes=40, spread=3.0, max_detections=10)
    detection("fast_no_background", background=False)
    detection("fast_two_classes", max_classes_per_detection=2)
    detection("fast_equal_scores", ties=True, boxes=20, spread=4.0)
    detection("fast_one_class", classes=1, boxes=5, max_detections=2)
    detection("fast_u8", type="uint8", boxes=30, spread=3.0)
    detection("fast_i8", type="int8", boxes=30, spread=3.0)
    detection("fast_u8_low_threshold", type="uint8", boxes=30, spread=3.0, nms_score_threshold=1e-8, max_detections=10)
    detection("regular", use_regular_nms=True, detections_per_class=3, boxes=20, spread=2.0, max_detections=5)
    detection("regular_equal_scores", use_regular_nms=True, detections_per_class=4, boxes=25, ties=True, spread=3.0,
              max_detections=6)
    detection("regular_u8", use_regular_nms=True, detections_per_class=100, type="uint8", boxes=30, spread=3.0)
    detection("regular_few", use_regular_nms=True, detections_per_class=1, boxes=3, nms_score_threshold=0.8)
