"""The C library: where it is, its functions, and its errors. Mirrors include/linnet; a test holds it to the headers."""
from __future__ import annotations

import ctypes
import enum
import os
import sys
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t,
                    c_uint64, c_void_p)
from typing import Any, Optional


class Status(enum.IntEnum):
    """What a call of the library came to."""

    OK = 0
    ERR_ARGUMENT = 1
    ERR_MEMORY = 2
    ERR_INTERNAL = 3
    ERR_STATE = 4
    ERR_LIMIT = 5
    ERR_IO = 100
    ERR_FORMAT = 101
    ERR_FEATURE = 102
    ERR_MODEL = 200
    ERR_SHAPE = 201
    ERR_TYPE = 202
    ERR_UNSUPPORTED = 203
    ERR_NOT_FOUND = 204
    ERR_DATA = 300
    ERR_CANCELLED = 301


class Type(enum.IntEnum):
    """Element types, numbered as in the .tflite schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22


class SparsityPart(enum.IntEnum):
    ORDER = 0
    BLOCKS = 1
    LEVEL = 2
    SEGMENTS = 3
    INDICES = 4


class ErrorRecord(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 508)]


_ERR = POINTER(ErrorRecord)
OperatorFunction = CFUNCTYPE(c_bool, c_void_p, c_void_p)  # user, const ln_operator_event *
InferFunction = CFUNCTYPE(c_int, c_void_p, c_void_p, _ERR)
RunFunction = InferFunction
INFER_LATER = 1000


class CustomOp(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("context", c_void_p),
        ("create", CFUNCTYPE(c_int, c_void_p, c_void_p, _ERR, POINTER(c_void_p))),
        ("destroy", CFUNCTYPE(None, c_void_p)),
        ("infer", InferFunction),
        ("prepare", InferFunction),
        ("run", RunFunction),
    ]


class SessionOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("threads", c_int32),
        ("signature", c_char_p),
        ("backend", c_char_p),
        ("profile", c_bool),
        ("keep_all_tensors", c_bool),
        ("memory_limit", c_size_t),
        ("first_graph", c_bool),
        ("prepare_later", c_bool),
        ("operators", POINTER(POINTER(CustomOp))),
        ("operator_count", c_int32),
        ("operation_limit", c_int64),
        ("time_limit_ms", c_int64),
        ("on_operator", OperatorFunction),
        ("user", c_void_p),
        ("share", c_void_p),
        ("files", c_int),
        ("precision", c_int),
        ("weight_cache", c_char_p),
        ("requantize", c_int),
        ("tune", c_bool),
    ]


OutputFunction = CFUNCTYPE(c_int, c_void_p, c_int32, c_void_p, _ERR)  # user, index, const ln_tensor *


class TrialTensor(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("type", c_int),
        ("rank", c_int32),
        ("dims", POINTER(c_int32)),
        ("data", c_void_p),
        ("bytes", c_size_t),
        ("constant", c_bool),
        ("absent", c_bool),
        ("scale", c_float),
        ("zero_point", c_int64),
    ]


class OpTrial(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("op", POINTER(CustomOp)),
        ("options", c_void_p),
        ("options_size", c_size_t),
        ("inputs", POINTER(TrialTensor)),
        ("input_count", c_int32),
        ("outputs", POINTER(TrialTensor)),
        ("output_count", c_int32),
        ("absolute", c_double),
        ("relative", c_double),
        ("on_output", OutputFunction),
        ("user", c_void_p),
    ]


class SessionStats(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("arena_bytes", c_size_t),
        ("arena_lower_bound", c_size_t),
        ("weight_bytes", c_size_t),
        ("variable_bytes", c_size_t),
        ("operators", c_int32),
        ("macs", c_int64),
        ("stored_weight_bytes", c_size_t),
        ("measured_choices", c_int32),
    ]


class ProfileEntry(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("operator_name", c_char_p),
        ("tensor_name", c_char_p),
        ("calls", c_int64),
        ("nanoseconds", c_int64),
        ("macs", c_int64),
        ("input_bytes", c_int64),
        ("weight_bytes", c_int64),
        ("output_bytes", c_int64),
        ("scratch_bytes", c_int64),
        ("input_type", c_int),
        ("weight_type", c_int),
        ("kernel", c_char_p),
        ("origin", c_char_p),
    ]


class MemoryBlock(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("tensor_name", c_char_p),
        ("tensor", c_int32),
        ("offset", c_size_t),
        ("bytes", c_size_t),
        ("first", c_int32),
        ("last", c_int32),
    ]


FillFunction = CFUNCTYPE(c_int, c_void_p, c_int64, c_void_p, _ERR)  # user, index, session
ProgressFunction = CFUNCTYPE(c_bool, c_void_p, c_char_p, c_int64, c_int64)  # user, what, done, total


class SamplesRecord(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("count", c_int64),
        ("fill", FillFunction),
        ("user", c_void_p),
    ]


class LabelledRecord(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("samples", POINTER(SamplesRecord)),
        ("labels", POINTER(c_int32)),
        ("top", c_int32),
    ]


class AccuracyRecord(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("samples", c_int64),
        ("right", c_int64),
        ("accuracy", c_double),
    ]


class ParameterRecord(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("kind", c_int),
        ("fallback", c_char_p),
        ("choices", c_char_p),
        ("low", c_double),
        ("high", c_double),
        ("what", c_char_p),
    ]


class TechniqueInfo(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("what", c_char_p),
        ("parameters", POINTER(ParameterRecord)),
    ]


class OptimizeOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("calibration", POINTER(SamplesRecord)),
        ("evaluation", POINTER(LabelledRecord)),
        ("signature", c_char_p),
        ("threads", c_int32),
        ("measure", c_bool),
        ("progress", ProgressFunction),
        ("user", c_void_p),
    ]


class ReportPoint(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("stage", c_char_p),
        ("bytes", c_int64),
        ("arena_bytes", c_int64),
        ("latency_ms", c_double),
        ("accuracy", c_double),
        ("max_error", c_double),
        ("snr_db", c_double),
        ("file", c_void_p),
    ]


class ReportLayer(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("stage", c_char_p),
        ("operator_name", c_char_p),
        ("index", c_int32),
        ("name", c_char_p),
        ("what", c_char_p),
        ("bytes_before", c_int64),
        ("bytes_after", c_int64),
        ("sparsity", c_double),
        ("clusters", c_int32),
        ("weight_error", c_double),
        ("snr_db", c_double),
    ]


class BuilderOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("seed", c_uint64),
        ("batch", c_int32),
        ("weight_limit", c_size_t),
        ("unfolded", c_bool),
        ("backbone", c_void_p),
    ]


class LayerSetting(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("value", c_char_p),
    ]


class TrainOption(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("parameter", POINTER(ParameterRecord)),
        ("choice", c_char_p),
        ("kind", c_char_p),
    ]


class TrainData(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("samples", POINTER(SamplesRecord)),
        ("labels", POINTER(c_int32)),
        ("label_count", c_int64),
        ("targets", c_void_p),
        ("target_count", c_int64),
        ("weights", c_void_p),
        ("name", CFUNCTYPE(c_char_p, c_void_p, c_int64)),
        ("user", c_void_p),
    ]


class TrainableOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("batch", c_int32),
        ("checkpoints", c_char_p),
    ]


class TrainEventRecord(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("step", c_int64),
        ("steps", c_int64),
        ("epoch", c_int64),
        ("epochs", c_int64),
        ("samples", c_int64),
        ("seconds", c_double),
        ("loss", c_double),
        ("rate", c_double),
        ("validation_loss", c_double),
        ("metric_count", c_int32),
        ("metric_names", POINTER(c_char_p)),
        ("metrics", c_void_p),
        ("epoch_ended", c_bool),
        ("confusion", c_void_p),
        ("class_count", c_int32),
    ]


TrainFunction = CFUNCTYPE(c_bool, c_void_p, POINTER(TrainEventRecord))  # user, event


STRUCTS = {
    "ln_error": ErrorRecord,
    "ln_custom_op": CustomOp,
    "ln_session_options": SessionOptions,
    "ln_session_stats": SessionStats,
    "ln_profile_entry": ProfileEntry,
    "ln_memory_block": MemoryBlock,
    "ln_trial_tensor": TrialTensor,
    "ln_op_trial": OpTrial,
    "ln_samples": SamplesRecord,
    "ln_labelled": LabelledRecord,
    "ln_accuracy": AccuracyRecord,
    "ln_parameter": ParameterRecord,
    "ln_technique_info": TechniqueInfo,
    "ln_optimize_options": OptimizeOptions,
    "ln_report_point": ReportPoint,
    "ln_report_layer": ReportLayer,
    "ln_builder_options": BuilderOptions,
    "ln_layer_setting": LayerSetting,
    "ln_train_option": TrainOption,
    "ln_train_data": TrainData,
    "ln_train_event": TrainEventRecord,
    "ln_trainable_options": TrainableOptions,
}
ENUMS = {"ln_status": Status, "ln_type": Type, "ln_sparsity_part": SparsityPart}

_HANDLE = c_void_p
_OUT = POINTER(c_void_p)
_INTS = POINTER(c_int32)

# name: (result, arguments)
FUNCTIONS = {
    "ln_version": (c_char_p, []),
    "ln_cpu_tier": (c_char_p, []),
    "ln_type_bits": (c_int32, [c_int]),
    "ln_model_open": (c_int, [c_char_p, _ERR, _OUT]),
    "ln_model_from_copy": (c_int, [c_void_p, c_size_t, _ERR, _OUT]),
    "ln_model_destroy": (None, [_HANDLE]),
    "ln_model_save": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_model_file": (c_void_p, [_HANDLE, POINTER(c_size_t)]),
    "ln_model_description": (c_char_p, [_HANDLE]),
    "ln_model_signature_count": (c_int32, [_HANDLE]),
    "ln_model_signature_name": (c_char_p, [_HANDLE, c_int32]),
    "ln_model_signature_graph": (c_int32, [_HANDLE, c_int32]),
    "ln_model_signature_arity": (c_int32, [_HANDLE, c_int32, c_bool]),
    "ln_model_signature_key": (c_char_p, [_HANDLE, c_int32, c_bool, c_int32]),
    "ln_model_signature_tensor": (c_int32, [_HANDLE, c_int32, c_bool, c_int32]),
    "ln_model_graph_count": (c_int32, [_HANDLE]),
    "ln_model_graph": (c_void_p, [_HANDLE, c_int32]),
    "ln_graph_tensor_count": (c_int32, [_HANDLE]),
    "ln_graph_tensor": (c_void_p, [_HANDLE, c_int32]),
    "ln_graph_input_count": (c_int32, [_HANDLE]),
    "ln_graph_input": (c_int32, [_HANDLE, c_int32]),
    "ln_graph_output_count": (c_int32, [_HANDLE]),
    "ln_graph_output": (c_int32, [_HANDLE, c_int32]),
    "ln_graph_op_count": (c_int32, [_HANDLE]),
    "ln_graph_op": (c_void_p, [_HANDLE, c_int32]),
    "ln_op_name": (c_char_p, [_HANDLE]),
    "ln_op_input_count": (c_int32, [_HANDLE]),
    "ln_op_input": (c_int32, [_HANDLE, c_int32]),
    "ln_op_output_count": (c_int32, [_HANDLE]),
    "ln_op_output": (c_int32, [_HANDLE, c_int32]),
    "ln_tensor_name": (c_char_p, [_HANDLE]),
    "ln_tensor_type": (c_int, [_HANDLE]),
    "ln_tensor_rank": (c_int32, [_HANDLE]),
    "ln_tensor_dim": (c_int32, [_HANDLE, c_int32]),
    "ln_tensor_declared_dim": (c_int32, [_HANDLE, c_int32]),
    "ln_tensor_bytes": (c_size_t, [_HANDLE]),
    "ln_tensor_data": (c_void_p, [_HANDLE]),
    "ln_tensor_mutable_data": (c_void_p, [_HANDLE]),
    "ln_tensor_scale_count": (c_int32, [_HANDLE]),
    "ln_tensor_scale": (c_float, [_HANDLE, c_int32]),
    "ln_tensor_zero_point": (c_int64, [_HANDLE, c_int32]),
    "ln_tensor_quantized_axis": (c_int32, [_HANDLE]),
    "ln_tensor_block_size": (c_int32, [_HANDLE]),
    "ln_tensor_block_scales": (c_int32, [_HANDLE]),
    "ln_tensor_is_constant": (c_bool, [_HANDLE]),
    "ln_tensor_is_variable": (c_bool, [_HANDLE]),
    "ln_tensor_is_sparse": (c_bool, [_HANDLE]),
    "ln_tensor_table_bits": (c_int32, [_HANDLE]),
    "ln_tensor_sparsity": (c_int32, [_HANDLE, c_int, c_int32, _INTS, c_int32]),
    "ln_node_input_count": (c_int32, [_HANDLE]),
    "ln_node_output_count": (c_int32, [_HANDLE]),
    "ln_node_input": (c_void_p, [_HANDLE, c_int32]),
    "ln_node_output": (c_void_p, [_HANDLE, c_int32]),
    "ln_node_options": (c_void_p, [_HANDLE, POINTER(c_size_t)]),
    "ln_node_resize_output": (c_int, [_HANDLE, c_int32, _INTS, c_int32, _ERR]),
    "ln_node_fail": (c_int, [_HANDLE, _ERR, c_int, c_char_p]),  # and what the format takes
    "ln_op_try": (c_int, [POINTER(OpTrial), _ERR]),
    "ln_session_create": (c_int, [_HANDLE, POINTER(SessionOptions), _ERR, _OUT]),
    "ln_session_destroy": (None, [_HANDLE]),
    "ln_session_input_count": (c_int32, [_HANDLE]),
    "ln_session_output_count": (c_int32, [_HANDLE]),
    "ln_session_input_name": (c_char_p, [_HANDLE, c_int32]),
    "ln_session_output_name": (c_char_p, [_HANDLE, c_int32]),
    "ln_session_input": (c_void_p, [_HANDLE, c_int32]),
    "ln_session_output": (c_void_p, [_HANDLE, c_int32]),
    "ln_session_input_tensor": (c_int32, [_HANDLE, c_int32]),
    "ln_session_output_tensor": (c_int32, [_HANDLE, c_int32]),
    "ln_session_tensor": (c_void_p, [_HANDLE, c_int32]),
    "ln_session_resize_input": (c_int, [_HANDLE, c_int32, _INTS, c_int32, _ERR]),
    "ln_session_prepare": (c_int, [_HANDLE, _ERR]),
    "ln_session_set_input": (c_int, [_HANDLE, c_int32, c_void_p, c_size_t, _ERR]),
    "ln_session_run": (c_int, [_HANDLE, _ERR]),
    "ln_session_cancel": (None, [_HANDLE]),
    "ln_session_reset": (None, [_HANDLE]),
    "ln_session_reset_variable_tensors": (None, [_HANDLE]),
    "ln_session_get_stats": (c_int, [_HANDLE, POINTER(SessionStats)]),
    "ln_session_profile_count": (c_int32, [_HANDLE]),
    "ln_session_profile": (c_int, [_HANDLE, c_int32, POINTER(ProfileEntry)]),
    "ln_session_profile_reset": (None, [_HANDLE]),
    "ln_session_memory_count": (c_int32, [_HANDLE]),
    "ln_session_memory": (c_int, [_HANDLE, c_int32, POINTER(MemoryBlock)]),
    "ln_tensor_copy_from_f32": (c_int, [_HANDLE, c_void_p, c_size_t, _ERR]),
    "ln_evaluate": (c_int, [_HANDLE, POINTER(LabelledRecord), c_int32, ProgressFunction, c_void_p, _ERR,
                            POINTER(AccuracyRecord)]),
    "ln_technique_count": (c_int32, []),
    "ln_technique_get": (c_int, [c_int32, POINTER(TechniqueInfo)]),
    "ln_recipe_create": (c_int, [_ERR, _OUT]),
    "ln_recipe_destroy": (None, [_HANDLE]),
    "ln_recipe_add": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_recipe_set": (c_int, [_HANDLE, c_char_p, c_char_p, _ERR]),
    "ln_recipe_include": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_recipe_exclude": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_recipe_set_for": (c_int, [_HANDLE, c_char_p, c_char_p, c_char_p, _ERR]),
    "ln_optimize": (c_int, [_HANDLE, _HANDLE, POINTER(OptimizeOptions), _ERR, _OUT, _OUT]),
    "ln_optimize_report_destroy": (None, [_HANDLE]),
    "ln_optimize_report_points": (c_int32, [_HANDLE]),
    "ln_optimize_report_point": (c_int, [_HANDLE, c_int32, POINTER(ReportPoint)]),
    "ln_optimize_report_layers": (c_int32, [_HANDLE]),
    "ln_optimize_report_layer": (c_int, [_HANDLE, c_int32, POINTER(ReportLayer)]),
    "ln_optimize_report_notes": (c_int32, [_HANDLE]),
    "ln_optimize_report_note": (c_char_p, [_HANDLE, c_int32]),
    "ln_builder_create": (c_int, [POINTER(BuilderOptions), _ERR, _OUT]),
    "ln_builder_destroy": (None, [_HANDLE]),
    "ln_builder_input": (c_int, [_HANDLE, c_char_p, c_int, c_int32, _INTS, _ERR]),
    "ln_builder_layer": (c_int, [_HANDLE, c_char_p, c_char_p, POINTER(c_char_p), c_int32, POINTER(LayerSetting), c_int32,
                                 _ERR]),
    "ln_builder_add": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_builder_output": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_builder_last": (c_char_p, [_HANDLE]),
    "ln_builder_has": (c_bool, [_HANDLE, c_char_p]),
    "ln_builder_make": (c_int, [_HANDLE, _ERR, _OUT]),
    "ln_train_option_get": (c_int, [c_int32, POINTER(TrainOption)]),
    "ln_train_choice": (c_char_p, [c_char_p, c_int32, POINTER(c_char_p)]),
    "ln_trainer_create": (c_int, [_HANDLE, _ERR, _OUT]),
    "ln_trainer_destroy": (None, [_HANDLE]),
    "ln_trainer_set": (c_int, [_HANDLE, c_char_p, c_char_p, _ERR]),
    "ln_trainer_set_data": (c_int, [_HANDLE, POINTER(TrainData), POINTER(TrainData), _ERR]),
    "ln_trainer_set_teacher": (c_int, [_HANDLE, _HANDLE, _ERR]),
    "ln_trainer_run": (c_int, [_HANDLE, TrainFunction, c_void_p, _ERR]),
    "ln_trainer_step": (c_int, [_HANDLE, c_void_p, c_int32, _ERR, c_void_p]),
    "ln_trainer_preview": (c_int, [_HANDLE, c_void_p, c_int32, c_int64, c_int32, _ERR, _OUT]),
    "ln_trainer_evaluate": (c_int, [_HANDLE, POINTER(TrainData), _ERR, POINTER(TrainEventRecord)]),
    "ln_trainer_make": (c_int, [_HANDLE, _ERR, _OUT]),
    "ln_trainable_make": (c_int, [_HANDLE, POINTER(TrainableOptions), _ERR, _OUT]),
    "ln_trainer_save": (c_int, [_HANDLE, c_char_p, _ERR]),
    "ln_trainer_restore": (c_int, [_HANDLE, c_char_p, _ERR]),
}


class Error(Exception):
    """What the library says went wrong: one line, and `status`, a `linnet.Status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = Status(status) if status in Status._value2member_map_ else status

    def __reduce__(self):
        return Error, (int(self.status), str(self))


def _path() -> str:
    """Of the library beside this file, or the one that LINNET_LIBRARY names."""
    name = "liblinnet.dylib" if sys.platform == "darwin" else "liblinnet.so"
    return os.environ.get("LINNET_LIBRARY") or os.path.join(os.path.dirname(os.path.abspath(__file__)), name)


def _load(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    for function, (result, arguments) in FUNCTIONS.items():
        entry = getattr(library, function)
        entry.restype = result
        entry.argtypes = arguments
    return library


path = _path()
lib = _load(path)


def call(function, *arguments, out: bool = False) -> Any:
    """Calls a function that ends in an error record (and, with `out`, a handle); raises `Error` when it fails."""
    record = ErrorRecord()
    handle = c_void_p()
    tail = (ctypes.byref(record), ctypes.byref(handle)) if out else (ctypes.byref(record),)
    status = function(*arguments, *tail)
    if status != Status.OK:
        raise Error(status, record.message.decode("utf-8", "replace") or Status(status).name)
    return handle.value if out else None


def text(value: Optional[bytes]) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
