"""Models and sessions."""
from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._arrays import copy_out, dtype_of, same_shape, take_in, view_out
from ._library import Error, ProfileEntry, SessionOptions, SessionStats, Status, Type, call, lib, text

if TYPE_CHECKING:
    from ._operator import Operator


@dataclass(frozen=True)
class TensorInfo:
    """An input or output as it is at present; `index` is the tensor's number in the model file."""

    name: str
    index: int
    type: Type
    dtype: Any  # numpy.float32, or "float32" without NumPy
    shape: Tuple[int, ...]  # -1 where it is known only after a run
    declared_shape: Tuple[int, ...]  # -1 where the model leaves it open
    scales: Tuple[float, ...]  # of quantization: none, one, or one for each index along `axis`
    zero_points: Tuple[int, ...]
    axis: int

    @property
    def scale(self) -> float:
        """Of per-tensor quantization, real = scale * (stored - zero_point); 0 when there is none."""
        return self.scales[0] if len(self.scales) == 1 else 0.0

    @property
    def zero_point(self) -> int:
        return self.zero_points[0] if len(self.zero_points) == 1 else 0


@dataclass(frozen=True)
class Signature:
    """A named entry point: the names of its inputs and outputs and the numbers of their tensors in graph `graph`."""

    name: str
    graph: int
    inputs: Dict[str, int]
    outputs: Dict[str, int]


@dataclass(frozen=True)
class Stats:
    """What a session takes; bytes, and multiply-accumulates of a run."""

    arena_bytes: int
    arena_lower_bound: int
    weight_bytes: int
    variable_bytes: int
    operators: int
    macs: int


@dataclass(frozen=True)
class OperatorTime:
    operator: str
    tensor: str
    calls: int
    nanoseconds: int
    macs: int


def tensor_shape(tensor: int) -> Tuple[int, ...]:
    return tuple(lib.ln_tensor_dim(tensor, i) for i in range(lib.ln_tensor_rank(tensor)))


def declared_shape(tensor: int) -> Tuple[int, ...]:
    return tuple(lib.ln_tensor_declared_dim(tensor, i) for i in range(lib.ln_tensor_rank(tensor)))


def quantization(tensor: int) -> Tuple[Tuple[float, ...], Tuple[int, ...]]:
    count = lib.ln_tensor_scale_count(tensor)
    scales = tuple(lib.ln_tensor_scale(tensor, i) for i in range(count))
    return scales, tuple(lib.ln_tensor_zero_point(tensor, i) for i in range(count))


def describe(name: str, index: int, tensor: int) -> TensorInfo:
    kind = lib.ln_tensor_type(tensor)
    scales, zero_points = quantization(tensor)
    return TensorInfo(name, index, Type(kind), dtype_of(kind), tensor_shape(tensor), declared_shape(tensor), scales,
                      zero_points, lib.ln_tensor_quantized_axis(tensor))


class Model:
    """A .tflite model from a file's path or from its bytes: read and checked whole, never changed."""

    def __init__(self, model: Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]) -> None:
        if isinstance(model, (bytes, bytearray, memoryview)):
            data = bytes(model)
            self._handle = call(lib.ln_model_from_copy, data, len(data), out=True)
        else:
            self._handle = call(lib.ln_model_open, os.fsencode(model), out=True)
        self._finalizer = weakref.finalize(self, lib.ln_model_destroy, self._handle)

    @classmethod
    def _of(cls, handle: int) -> "Model":
        """Around a model that the library made, which is this object's from here on."""
        model = cls.__new__(cls)
        model._handle = handle
        model._finalizer = weakref.finalize(model, lib.ln_model_destroy, handle)
        return model

    @property
    def bytes(self) -> bytes:
        """Of the model's file."""
        size = ctypes.c_size_t()
        data = lib.ln_model_file(self._handle, ctypes.byref(size))
        return ctypes.string_at(data, size.value) if data else b""

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        call(lib.ln_model_save, self._handle, os.fsencode(path))

    @property
    def description(self) -> str:
        return text(lib.ln_model_description(self._handle))

    @property
    def signatures(self) -> Dict[str, Signature]:
        """By name, in alphabetical order; empty when the model has none."""
        out = {}
        for i in range(lib.ln_model_signature_count(self._handle)):
            name = text(lib.ln_model_signature_name(self._handle, i))
            sides: List[Dict[str, int]] = []
            for outputs in (False, True):
                sides.append({
                    text(lib.ln_model_signature_key(self._handle, i, outputs, j)):
                        lib.ln_model_signature_tensor(self._handle, i, outputs, j)
                    for j in range(lib.ln_model_signature_arity(self._handle, i, outputs))
                })
            out[name] = Signature(name, lib.ln_model_signature_graph(self._handle, i), sides[0], sides[1])
        return out

    def session(self, signature: Optional[str] = None, threads: int = 1, *, backend: Optional[str] = None,
                profile: bool = False, keep_all_tensors: bool = False, memory_limit: int = 0,
                operation_limit: int = 0, operators: Sequence["Operator"] = (),
                share: Optional["Session"] = None, files: str = "given",
                precision: str = "f32", requantize: str = "exact", tune: bool = False) -> "Session":
        """A session on a signature: by default `serving_default`, else the first, or the graph of a model without any.

        With `share`, a session of the same model, both use the same variables and hash tables: what one signature
        assigns the other reads. They then belong to one thread at a time, all together. `files` are those that operators
        which save and restore may name: "given", at or below a path that is a string input of the run, "any" or "none".
        `precision` is what products of floats are computed in: "f32", "bf16", or "fp16" (float16 weights).
        `requantize` is how convolutions of bytes scale their sums: "exact", or "float", a little faster and up to 1 apart.
        With `tune`, operators that can be computed in more than one way are timed at preparation, the fastest is kept.
        """
        return Session(self, signature, threads, backend=backend, profile=profile, keep_all_tensors=keep_all_tensors,
                       memory_limit=memory_limit, operation_limit=operation_limit, operators=operators,
                       share=share, files=files, precision=precision, requantize=requantize, tune=tune)

    def __repr__(self) -> str:
        return "<linnet.Model signatures=%r>" % list(self.signatures)


FILES = {"given": 0, "any": 1, "none": 2}  # ln_file_access
PRECISIONS = {"f32": 0, "bf16": 1, "fp16": 2}  # ln_precision
REQUANTIZE = {"exact": 0, "float": 1}  # ln_requantize


class Session:
    """Runs one signature of a model. It belongs to one thread at a time; sessions of one model share its weights."""

    def __init__(self, model: Model, signature: Optional[str] = None, threads: int = 1, *,
                 backend: Optional[str] = None, profile: bool = False, keep_all_tensors: bool = False,
                 memory_limit: int = 0, operation_limit: int = 0,
                 operators: Sequence["Operator"] = (), first_graph: bool = False, prepare_later: bool = False,
                 share: Optional["Session"] = None, files: str = "given", precision: str = "f32",
                 weight_cache: Optional[str] = None, requantize: str = "exact", tune: bool = False) -> None:
        from ._operator import pointers  # which builds on this module

        self._operators = (tuple(operators), pointers(operators))
        options = SessionOptions(
            ctypes.sizeof(SessionOptions), threads, None if signature is None else signature.encode("utf-8"),
            None if backend is None else backend.encode("utf-8"), profile, keep_all_tensors, memory_limit, first_graph,
            prepare_later, self._operators[1], len(operators), operation_limit,
            share=None if share is None else share._handle, files=FILES[files], precision=PRECISIONS[precision],
            weight_cache=None if weight_cache is None else os.fsencode(weight_cache),
            requantize=REQUANTIZE[requantize], tune=tune)
        self.model = model
        self._handle = call(lib.ln_session_create, model._handle, ctypes.byref(options), out=True)
        # Made after the model's finalizer and holding the model itself: the session always goes first.
        self._finalizer = weakref.finalize(self, _destroy, self._handle, model, self._operators)
        self._input_names = [text(lib.ln_session_input_name(self._handle, i))
                             for i in range(lib.ln_session_input_count(self._handle))]
        self._output_names = [text(lib.ln_session_output_name(self._handle, i))
                              for i in range(lib.ln_session_output_count(self._handle))]

    @property
    def inputs(self) -> Tuple[TensorInfo, ...]:
        """In alphabetical order of the signature's names; without a signature in the file's order."""
        return tuple(describe(name, lib.ln_session_input_tensor(self._handle, i), lib.ln_session_input(self._handle, i))
                     for i, name in enumerate(self._input_names))

    @property
    def outputs(self) -> Tuple[TensorInfo, ...]:
        return tuple(describe(name, lib.ln_session_output_tensor(self._handle, i), lib.ln_session_output(self._handle, i))
                     for i, name in enumerate(self._output_names))

    def _input(self, name: Union[str, int]) -> int:
        if isinstance(name, int) and 0 <= name < len(self._input_names):
            return name
        if name not in self._input_names:
            raise Error(Status.ERR_NOT_FOUND, "no input %r (there are %s)" % (name, ", ".join(self._input_names)))
        return self._input_names.index(name)  # type: ignore[arg-type]

    def resize(self, name: Union[str, int], shape: Sequence[int]) -> None:
        """Another shape for an input; memory is planned anew at the next run."""
        dims = (ctypes.c_int32 * max(len(shape), 1))(*[int(dim) for dim in shape])
        call(lib.ln_session_resize_input, self._handle, self._input(name), dims, len(shape))

    def prepare(self) -> None:
        """Plans memory for the present shapes; `run` does it when needed."""
        call(lib.ln_session_prepare, self._handle)

    def set_input(self, name: Union[str, int], value: Any) -> None:
        """Copies a value of the input's type and shape into it; numbers in lists are converted."""
        index = self._input(name)
        tensor = lib.ln_session_input(self._handle, index)
        try:
            given = take_in(lib.ln_tensor_type(tensor), value)
        except Error as error:
            raise Error(error.status, "input %r: %s" % (self._input_names[index], error)) from None
        shape = tensor_shape(tensor)
        if not same_shape(given.shape, shape):
            raise Error(Status.ERR_SHAPE, "input %r has the shape %s, %s was given: resize it first"
                        % (self._input_names[index], list(shape), list(given.shape)))
        call(lib.ln_session_set_input, self._handle, index, given.pointer, given.size)

    def run(self, inputs: Union[Mapping[str, Any], Sequence[Any], None] = None) -> Dict[str, Any]:
        """Sets the inputs given (by name, or all in order), runs, and returns a copy of every output by name."""
        if inputs is not None and not isinstance(inputs, Mapping):
            if len(inputs) != len(self._input_names):
                raise Error(Status.ERR_ARGUMENT, "%d inputs were given, there are %d" % (len(inputs),
                                                                                       len(self._input_names)))
            inputs = dict(zip(self._input_names, inputs))
        for name, value in (inputs or {}).items():
            self.set_input(name, value)
        call(lib.ln_session_run, self._handle)
        return {name: read_tensor(lib.ln_session_output(self._handle, i)) for i, name in enumerate(self._output_names)}

    def tensor(self, index: int) -> Any:
        """A copy of any tensor of the graph by its number in the file; see `keep_all_tensors`."""
        tensor = lib.ln_session_tensor(self._handle, index)
        if tensor is None:
            raise Error(Status.ERR_NOT_FOUND, "no tensor %d" % index)
        return read_tensor(tensor)

    def cancel(self) -> None:
        """From any thread: the run in progress ends before its next operator with ERR_CANCELLED."""
        lib.ln_session_cancel(self._handle)

    def reset(self) -> None:
        """All that is kept from run to run back to its beginning, for every session that shares this one's resources."""
        lib.ln_session_reset(self._handle)

    def reset_variable_tensors(self) -> None:
        """Variable tensors (the state of an LSTM, say) only: variables with handles and hash tables keep their values."""
        lib.ln_session_reset_variable_tensors(self._handle)

    @property
    def stats(self) -> Stats:
        stats = SessionStats(size=ctypes.sizeof(SessionStats))
        lib.ln_session_get_stats(self._handle, ctypes.byref(stats))
        return Stats(stats.arena_bytes, stats.arena_lower_bound, stats.weight_bytes, stats.variable_bytes,
                     stats.operators, stats.macs)

    @property
    def profile(self) -> List[OperatorTime]:
        """What each operator took since creation, of a session made with `profile=True`."""
        out = []
        for i in range(lib.ln_session_profile_count(self._handle)):
            entry = ProfileEntry(size=ctypes.sizeof(ProfileEntry))
            lib.ln_session_profile(self._handle, i, ctypes.byref(entry))
            out.append(OperatorTime(text(entry.operator_name), text(entry.tensor_name), entry.calls, entry.nanoseconds,
                                    entry.macs))
        return out


def _destroy(handle: int, *needed: Any) -> None:
    lib.ln_session_destroy(handle)


def read_tensor(tensor: int) -> Any:
    """A copy of a tensor's data."""
    address = lib.ln_tensor_data(tensor)
    size = lib.ln_tensor_bytes(tensor)
    if address is None and size > 0:
        raise Error(Status.ERR_STATE, "tensor %r holds no data" % text(lib.ln_tensor_name(tensor)))
    return copy_out(lib.ln_tensor_type(tensor), tensor_shape(tensor), address or 0, size if address else 0)


def view_tensor(tensor: int, owner: Any) -> Tuple[Any, Any]:
    """A view of a tensor's data in place, and the block under it, which lives as long as any view does."""
    address = lib.ln_tensor_data(tensor)
    if address is None:
        raise Error(Status.ERR_STATE, "tensor %r holds no data" % text(lib.ln_tensor_name(tensor)))
    block = (ctypes.c_uint8 * lib.ln_tensor_bytes(tensor)).from_address(address)
    block.owner = owner
    view = view_out(lib.ln_tensor_type(tensor), tensor_shape(tensor), block)
    if lib.ln_tensor_is_constant(tensor):
        if hasattr(view, "setflags"):
            view.setflags(write=False)
        else:
            view = view.toreadonly()
    return view, block
