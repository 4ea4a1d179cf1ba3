"""What programs written for tflite_runtime.interpreter and ai_edge_litert.interpreter use, over Linnet.

    from linnet.tflite import Interpreter, TFLiteConverter

Methods, arguments, return forms and the classes of errors are theirs; tensors are numbered as in the model file.
Delegates are binaries that run inside TensorFlow Lite and are refused.
"""
from __future__ import annotations

import ctypes
import enum
import os
import weakref
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ._arrays import dtype_of, floats, ints, numpy, same_shape, take_in
from ._library import Error, SparsityPart, Type, call, lib, text
from ._model import FILES, Model, Session, Signature, declared_shape, quantization, read_tensor, tensor_shape, view_tensor
from ._operator import Operator
from ._tflite_converter import OpsSet, Optimize, RepresentativeDataset, TargetSpec, TFLiteConverter

__all__ = ["Delegate", "Interpreter", "InterpreterWithCustomOps", "OpResolverType", "OpsSet", "Optimize",
           "RepresentativeDataset", "SignatureRunner", "TFLiteConverter", "TargetSpec", "load_delegate"]


@enum.unique
class OpResolverType(enum.Enum):
    """Taken for compatibility: Linnet has one set of kernels, whose integer results equal those of BUILTIN_REF."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class Delegate:
    """Always refused: a delegate works on the inside of TensorFlow Lite's interpreter, which is not here."""

    def __init__(self, library: str, options: Optional[Dict[str, Any]] = None) -> None:
        raise ValueError("delegates work inside TensorFlow Lite's own interpreter, which Linnet takes the place of")

    def _get_native_delegate_pointer(self) -> int:
        raise NotImplementedError


def load_delegate(library: str, options: Optional[Dict[str, Any]] = None) -> Delegate:
    """Raises ValueError, as for any delegate that cannot be loaded: see `Delegate`."""
    try:
        return Delegate(library, options)
    except ValueError as error:
        raise ValueError("Linnet cannot load the delegate %s: %s" % (library, error)) from error


def _files(said: Optional[str]) -> str:
    files = said or os.environ.get("LINNET_FILES") or "given"
    if files not in FILES:
        raise ValueError("%s is %r, not one of %s" % ("linnet_files" if said else "LINNET_FILES", files,
                                                      ", ".join(map(repr, FILES))))
    return files


def _sparsity_ints(tensor: int, part: SparsityPart, level: int = 0) -> List[int]:
    count = lib.ln_tensor_sparsity(tensor, part, level, None, 0)
    values = (ctypes.c_int32 * max(count, 1))()
    lib.ln_tensor_sparsity(tensor, part, level, values, count)
    return list(values)[:count]


def _sparsity(tensor: int) -> Dict[str, Any]:
    if not lib.ln_tensor_is_sparse(tensor):
        return {}
    order = _sparsity_ints(tensor, SparsityPart.ORDER)
    blocks = _sparsity_ints(tensor, SparsityPart.BLOCKS)
    levels: List[Dict[str, Any]] = []
    for level in range(len(order)):
        compressed, extent = _sparsity_ints(tensor, SparsityPart.LEVEL, level)
        if compressed:
            levels.append({
                "format": 1,
                "array_segments": ints(_sparsity_ints(tensor, SparsityPart.SEGMENTS, level)),
                "array_indices": ints(_sparsity_ints(tensor, SparsityPart.INDICES, level)),
            })
        else:
            levels.append({"format": 0, "dense_size": extent})
    out: Dict[str, Any] = {"traversal_order": ints(order)}
    if blocks:
        out["block_map"] = ints(blocks)
    out["dim_metadata"] = levels
    return out


class _Graph:
    """One subgraph: before allocation what the file says of it, afterwards the session that runs it."""

    def __init__(self, model: Model, index: int, signature: Optional[Signature], threads: int, keep_all: bool,
                 operators: Sequence[Operator], files: str, sessions: List[Session]) -> None:
        self.model, self.index, self.signature = model, index, signature
        self.sessions = sessions  # the interpreter's, which share their resources
        self.threads, self.keep_all, self.operators, self.files = threads, keep_all, operators, files
        self.handle = lib.ln_model_graph(model._handle, index)
        self.count = lib.ln_graph_tensor_count(self.handle)
        self.inputs = [lib.ln_graph_input(self.handle, i) for i in range(lib.ln_graph_input_count(self.handle))]
        self.outputs = [lib.ln_graph_output(self.handle, i) for i in range(lib.ln_graph_output_count(self.handle))]
        self.session: Any = None  # a Session once allocated
        self.places: Dict[int, int] = {}  # tensor: place among the session's inputs
        self.pending: Dict[int, Tuple[int, ...]] = {}  # shapes asked for since the last allocation
        self.allocated = False
        self.views: List[Any] = []  # weak references to what views lie on

    def check(self, tensor_index: int) -> int:
        index = int(tensor_index)
        if not 0 <= index < self.count:
            raise ValueError("Invalid tensor index %d: the model's last tensor is %d" % (index, self.count - 1))
        return index

    def in_file(self, index: int) -> int:
        return lib.ln_graph_tensor(self.handle, index)

    def live(self, index: int) -> Optional[int]:
        """The tensor of the session; None before allocation."""
        return lib.ln_session_tensor(self.session._handle, index) if self.session is not None else None

    def shape(self, index: int) -> Tuple[int, ...]:
        if index in self.pending:
            return self.pending[index]
        now = self.live(index)
        shape = tensor_shape(now) if now is not None else (-1,)
        if -1 in shape:  # known only after a run
            shape = tuple(1 if dim < 0 else dim for dim in tensor_shape(self.in_file(index)))
        return shape

    def ready(self, index: int, what: str) -> int:
        now = self.live(index)
        if lib.ln_tensor_is_constant(self.in_file(index)):
            return self.in_file(index)
        if now is None or not self.allocated:
            raise ValueError("%s: the tensor has no memory yet; call allocate_tensors() first" % what)
        return now

    def resize(self, index: int, shape: Sequence[int], strict: bool) -> None:
        shape = tuple(int(dim) for dim in shape)
        if not 0 <= index < self.count:
            raise RuntimeError("no tensor %d to resize: the model's last tensor is %d" % (index, self.count - 1))
        declared = declared_shape(self.in_file(index))
        if strict and (len(shape) != len(declared) or any(b not in (-1, a) for a, b in zip(shape, declared))):
            raise RuntimeError("with strict only dimensions that the model leaves open can change: it declares %s, %s "
                               "was asked for" % (list(declared), list(shape)))
        if any(dim < 0 for dim in shape):
            raise RuntimeError("a tensor cannot take the shape %s" % (list(shape),))
        if shape == self.shape(index) or index not in self.inputs:
            return
        self.pending[index] = shape
        self.allocated = False

    def allocate(self) -> None:
        if self.allocated:
            return
        try:
            if self.session is None:
                self._open()
            for index, shape in self.pending.items():
                if index in self.places:
                    self.session.resize(self.places[index], shape)
            self.session.reset_variable_tensors()
            self.session.prepare()
        except Error as error:
            raise RuntimeError(str(error)) from error
        self.pending.clear()
        self.allocated = True

    def _open(self) -> None:
        if self.index != 0 and self.signature is None:
            raise RuntimeError("subgraph %d has no signature to run it by" % self.index)
        first = self.index == 0
        name = None if first or self.signature is None else self.signature.name
        self.session = Session(self.model, name, self.threads, first_graph=first,
                               keep_all_tensors=self.keep_all, operators=self.operators, prepare_later=True, files=self.files,
                               share=self.sessions[0] if self.sessions else None)
        self.sessions.append(self.session)
        handle = self.session._handle
        for i in range(lib.ln_session_input_count(handle)):
            self.places[lib.ln_session_input_tensor(handle, i)] = i

    def set(self, index: int, value: Any) -> None:
        tensor = self.live(index)
        if tensor is None or not self.allocated:
            raise ValueError("Cannot set tensor: it has no memory yet; call allocate_tensors() first")
        name = text(lib.ln_tensor_name(tensor))
        try:
            given = take_in(lib.ln_tensor_type(tensor), value)
            shape = self.shape(index)
            if not same_shape(given.shape, shape) and lib.ln_tensor_type(tensor) != Type.STRING:
                raise ValueError("Cannot set tensor: tensor %d \"%s\" has the shape %s, %s was given"
                                 % (index, name, list(shape), list(given.shape)))
            if index in self.places:
                call(lib.ln_session_set_input, self.session._handle, self.places[index], given.pointer, given.size)
                return
        except Error as error:
            raise ValueError("Cannot set tensor: tensor %d \"%s\" %s" % (index, name, error)) from error
        address = lib.ln_tensor_mutable_data(tensor)
        if address is None or given.size != lib.ln_tensor_bytes(tensor):
            raise ValueError("Cannot set tensor: tensor %d \"%s\" is not one that can be written" % (index, name))
        ctypes.memmove(address, given.pointer, given.size)

    def get(self, index: int) -> Any:
        try:
            value = read_tensor(self.ready(index, "Cannot get tensor"))
        except Error as error:
            raise ValueError(str(error)) from error
        # A scalar comes as one, not as an array without dimensions.
        return value[()] if numpy is not None and value.ndim == 0 and value.dtype != object else value

    def view(self, index: int) -> Any:
        try:
            view, block = view_tensor(self.ready(index, "Cannot see tensor"), self.session)
        except Error as error:
            raise ValueError(str(error)) from error
        self.views.append(weakref.ref(block))
        return view

    def is_safe(self) -> bool:
        """Views lie on memory that running and allocating may move."""
        self.views = [view for view in self.views if view() is not None]
        return not self.views

    def ensure_safe(self) -> None:
        if not self.is_safe():
            raise RuntimeError("an array that shares the interpreter's memory is still held: keep the function that "
                               "tensor() returns and let go of the arrays it gives")

    def invoke(self) -> None:
        if not self.allocated:
            raise RuntimeError("the model is not ready to run; call allocate_tensors() first")
        try:
            call(lib.ln_session_run, self.session._handle)
        except Error as error:
            raise RuntimeError(str(error)) from error

    def details(self, index: int) -> Dict[str, Any]:
        tensor = self.in_file(index)
        kind = lib.ln_tensor_type(tensor)
        if dtype_of(kind) is None:
            raise ValueError("tensor %d holds a %s" % (index, Type(kind).name.lower()))
        scales, zero_points = quantization(tensor)
        shape, signature = self.shape(index), declared_shape(tensor)
        if not signature or -1 not in signature:
            signature = shape
        parameters = {
            "scales": floats(scales),
            "zero_points": ints(zero_points),
            "quantized_dimension": lib.ln_tensor_quantized_axis(tensor),
            "block_size": lib.ln_tensor_block_size(tensor),
        }
        block_scales = lib.ln_tensor_block_scales(tensor)
        if block_scales >= 0 and parameters["block_size"] > 0:
            values = read_tensor(self.in_file(block_scales))
            parameters["scales"] = values.reshape(-1) if numpy is not None else values
        return {
            "name": text(lib.ln_tensor_name(tensor)),
            "index": index,
            "shape": ints(shape),
            "shape_signature": ints(signature),
            "dtype": dtype_of(kind),
            "quantization": (scales[0], zero_points[0]) if len(scales) == 1 else (0.0, 0),
            "quantization_parameters": parameters,
            "sparsity_parameters": _sparsity(tensor),
        }


class SignatureRunner:
    """A signature as a function: `runner(name=array, ...)` gives `{name: array}`."""

    def __init__(self, interpreter: Optional["Interpreter"] = None, signature_key: Optional[str] = None) -> None:
        if not interpreter:
            raise ValueError("None interpreter provided.")
        if not signature_key:
            raise ValueError("None signature_key provided.")
        if signature_key not in interpreter._signatures:
            raise ValueError('Invalid signature_key provided: "%s".' % signature_key)
        self._interpreter = interpreter
        self._signature_key = signature_key
        self._signature = interpreter._signatures[signature_key]
        self._graph = interpreter._graph(self._signature.graph)

    def __call__(self, **kwargs: Any) -> Dict[str, Any]:
        inputs = self._signature.inputs
        if len(kwargs) != len(inputs):
            raise ValueError("signature %s has %d inputs, %d were given"
                             % (self._signature_key, len(inputs), len(kwargs)))
        for name, value in kwargs.items():
            if name not in inputs:
                raise ValueError("Invalid Input name (%s) for signature %s" % (name, self._signature_key))
            self._graph.resize(inputs[name], value.shape, False)
        self._graph.ensure_safe()
        self._graph.allocate()
        for name, value in kwargs.items():
            self._graph.set(inputs[name], value)
        self._graph.invoke()
        return {name: self._graph.get(index) for name, index in self._signature.outputs.items()}

    def get_input_details(self) -> Dict[str, Dict[str, Any]]:
        return {name: self._graph.details(index) for name, index in self._signature.inputs.items()}

    def get_output_details(self) -> Dict[str, Dict[str, Any]]:
        return {name: self._graph.details(index) for name, index in self._signature.outputs.items()}


class Interpreter:
    """Runs a model; see the documentation of tflite_runtime's class of this name.

    `linnet_files` are the files that operators which save and restore may name: "given", at or below a path that is a
    string input of the run, "any" or "none". Without it the environment's LINNET_FILES counts, and else it is "given".
    """

    def __init__(self, model_path: Any = None, model_content: Optional[bytes] = None,
                 experimental_delegates: Optional[Sequence[Any]] = None, num_threads: Optional[int] = None,
                 experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
                 experimental_preserve_all_tensors: bool = False,
                 experimental_disable_delegate_clustering: bool = False,
                 experimental_default_delegate_latest_features: bool = False,
                 experimental_compress_quantization_zero_points: bool = False,
                 experimental_disable_delegate_node_fusion: bool = False,
                 experimental_force_delegate_node_profiling: bool = False, *,
                 linnet_files: Optional[str] = None) -> None:
        # The enumeration may be the other package's: its members' names count.
        if getattr(experimental_op_resolver_type, "name", None) not in OpResolverType.__members__:
            raise ValueError("Unrecognized passed in op resolver type: %s" % (experimental_op_resolver_type,))
        if num_threads is not None:
            if not isinstance(num_threads, int):
                raise ValueError("type of num_threads should be int")
            if num_threads < 1:
                raise ValueError("num_threads should >= 1")
        if experimental_delegates:
            raise ValueError("Linnet takes no delegates: they work inside TensorFlow Lite's own interpreter")
        if model_path and model_content:
            raise ValueError("Can't both provide `model_path` and `model_content`")
        if not model_path and not model_content:
            raise ValueError("`model_path` or `model_content` must be specified.")
        if model_content and not isinstance(model_content, (bytes, bytearray, memoryview)):
            raise TypeError("model_content is bytes, not %s" % type(model_content).__name__)
        try:
            self._model = Model(model_content if model_content else os.fspath(model_path))
        except Error as error:
            raise ValueError("Could not open %s: %s" % ("the model" if model_content else repr(os.fspath(model_path)),
                                                        error)) from error
        self._compress_zero_points = experimental_compress_quantization_zero_points
        self._settings = (int(num_threads or 1), bool(experimental_preserve_all_tensors),
                          getattr(self, "_operators", ()), _files(linnet_files))
        self._signatures = self._model.signatures
        self._graphs: Dict[int, _Graph] = {}
        self._sessions: List[Session] = []
        if self.num_subgraphs() == 0:
            raise ValueError("Could not open the model: it has no graph")

    def _graph(self, index: int) -> _Graph:
        if not 0 <= index < self.num_subgraphs():
            raise ValueError("subgraph_index is out of range: %d of %d" % (index, self.num_subgraphs()))
        if index not in self._graphs:
            named = [signature for signature in self._signatures.values() if signature.graph == index]
            self._graphs[index] = _Graph(self._model, index, named[0] if named else None, *self._settings,
                                         self._sessions)
        return self._graphs[index]

    def _safe_to_run(self) -> bool:
        return self._graph(0).is_safe()

    def _ensure_safe(self) -> None:
        self._graph(0).ensure_safe()

    def _native_handle(self) -> int:
        """Refused: there is no tflite::Interpreter for code in C++ to work on."""
        raise NotImplementedError("there is no tflite::Interpreter under linnet.tflite.Interpreter")

    def allocate_tensors(self) -> None:
        self._graph(0).ensure_safe()
        self._graph(0).allocate()

    def invoke(self) -> None:
        self._graph(0).ensure_safe()
        self._graph(0).invoke()

    def num_subgraphs(self) -> int:
        return lib.ln_model_graph_count(self._model._handle)

    def get_tensor_details(self, subgraph_index: int = 0) -> List[Dict[str, Any]]:
        graph = self._graph(subgraph_index)
        out = []
        for index in range(graph.count):
            try:
                out.append(graph.details(index))
            except ValueError:  # resources and variants have no details
                pass
        return out

    def get_input_details(self) -> List[Dict[str, Any]]:
        graph = self._graph(0)
        return [graph.details(index) for index in graph.inputs]

    def get_output_details(self) -> List[Dict[str, Any]]:
        graph = self._graph(0)
        return [graph.details(index) for index in graph.outputs]

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int) -> Dict[str, Any]:
        graph = self._graph(int(subgraph_index))
        return graph.details(graph.check(tensor_index))

    def _get_op_details(self, op_index: int) -> Dict[str, Any]:
        graph = self._graph(0)
        op = lib.ln_graph_op(graph.handle, int(op_index))
        if op is None:
            raise ValueError("Invalid node index %d of %d" % (op_index, lib.ln_graph_op_count(graph.handle)))
        inputs = [lib.ln_op_input(op, j) for j in range(lib.ln_op_input_count(op))]
        outputs = [lib.ln_op_output(op, j) for j in range(lib.ln_op_output_count(op))]
        kinds = [[dtype_of(lib.ln_tensor_type(graph.in_file(t))) for t in side if t != -1] for side in (inputs, outputs)]
        return {"index": int(op_index), "op_name": text(lib.ln_op_name(op)), "inputs": ints(inputs),
                "outputs": ints(outputs), "operand_types": kinds[0], "result_types": kinds[1]}

    def _get_ops_details(self) -> List[Dict[str, Any]]:
        return [self._get_op_details(i) for i in range(lib.ln_graph_op_count(self._graph(0).handle))]

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        graph = self._graph(0)
        graph.set(graph.check(tensor_index), value)

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> Any:
        graph = self._graph(subgraph_index)
        return graph.get(graph.check(tensor_index))

    def tensor(self, tensor_index: int) -> Callable[[], Any]:
        """A function that gives an array over the tensor's own memory; let go of the array before running."""
        graph = self._graph(0)
        return lambda: graph.view(graph.check(tensor_index))

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        self._graph(0).ensure_safe()
        self._graph(0).resize(int(input_index), tensor_size, strict)

    def reset_all_variables(self) -> None:
        graph = self._graph(0)
        if graph.session is not None and graph.allocated:
            graph.session.reset_variable_tensors()
            graph.session.prepare()

    def get_signature_list(self) -> Dict[str, Dict[str, List[str]]]:
        return {name: {"inputs": list(signature.inputs), "outputs": list(signature.outputs)}
                for name, signature in self._signatures.items()}

    def _get_full_signature_list(self) -> Dict[str, Dict[str, Dict[str, int]]]:
        return {name: {"inputs": dict(signature.inputs), "outputs": dict(signature.outputs)}
                for name, signature in self._signatures.items()}

    def get_signature_runner(self, signature_key: Optional[str] = None) -> SignatureRunner:
        if signature_key is None:
            if len(self._signatures) != 1:
                raise ValueError("signature_key can be None only where the model has one signature; it has %d"
                                 % len(self._signatures))
            signature_key = next(iter(self._signatures))
        return SignatureRunner(interpreter=self, signature_key=signature_key)

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        return self._compress_zero_points


class InterpreterWithCustomOps(Interpreter):
    """Takes `linnet.Operator` as registerers; those of TensorFlow Lite work on its own resolver and are refused."""

    def __init__(self, custom_op_registerers: Optional[Sequence[Any]] = None, **kwargs: Any) -> None:
        for registerer in custom_op_registerers or ():
            if not isinstance(registerer, Operator):
                raise ValueError("custom_op_registerers are linnet.Operator here, not %r" % (registerer,))
        self._operators = tuple(custom_op_registerers or ())
        super().__init__(**kwargs)
