"""Converters: files of Keras, TensorFlow, PyTorch, JAX and ONNX, and their live objects, become .tflite models.

Files are read by the library alone. A live object is saved by its own framework first, which is there, since the object is.
"""
from __future__ import annotations

import ctypes
import dataclasses
import os
import shutil
import sys
import tempfile
from ctypes import POINTER, Structure, c_bool, c_char_p, c_int, c_int32, c_size_t, c_void_p
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ._library import Error, ErrorRecord, Status, path as _library_path, text
from ._model import Model

__all__ = ["Converted", "convert", "convert_kinds"]

Path = Union[str, "os.PathLike[str]"]


class ConvertOptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("from_", c_char_p),
        ("signatures", POINTER(c_char_p)),
        ("signature_count", c_int32),
        ("shapes", POINTER(c_char_p)),
        ("shape_count", c_int32),
        ("channels_last", c_bool),
        ("without_passes", c_bool),
    ]


_HANDLE, _ERR = c_void_p, POINTER(ErrorRecord)
FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "ln_convert": (c_int, [c_char_p, POINTER(ConvertOptions), _ERR, POINTER(c_void_p)]),
    "ln_convert_kind": (c_char_p, [c_int32]),
    "ln_convert_kind_what": (c_char_p, [c_int32]),
    "ln_conversion_destroy": (None, [_HANDLE]),
    "ln_conversion_kind": (c_char_p, [_HANDLE]),
    "ln_conversion_data": (c_void_p, [_HANDLE, POINTER(c_size_t)]),
}
_loaded: Optional[ctypes.CDLL] = None


def _library() -> ctypes.CDLL:
    """liblinnet_convert, which lies beside liblinnet; LINNET_CONVERT_LIBRARY names another."""
    global _loaded
    if _loaded is None:
        name = "liblinnet_convert.dylib" if sys.platform == "darwin" else "liblinnet_convert.so"
        path = os.environ.get("LINNET_CONVERT_LIBRARY") or os.path.join(os.path.dirname(_library_path), name)
        if not os.path.exists(path):
            raise Error(Status.ERR_FEATURE, "this build of Linnet has no converters: there is no %s" % path)
        _loaded = ctypes.CDLL(path)
        for function, (result, arguments) in FUNCTIONS.items():
            entry = getattr(_loaded, function)
            entry.restype, entry.argtypes = result, arguments
    return _loaded


def convert_kinds() -> Dict[str, str]:
    """Kinds of sources as `kind=` takes them, with a line on each."""
    library, kinds, index = _library(), {}, 0
    while library.ln_convert_kind(index):
        kinds[text(library.ln_convert_kind(index))] = text(library.ln_convert_kind_what(index))
        index += 1
    return kinds


@dataclasses.dataclass(repr=False)
class Converted:
    """A converted model: the bytes of its file, and `kind`, what it was read as."""

    bytes: bytes
    kind: str

    def save(self, path: Path) -> None:
        with open(path, "wb") as file:
            file.write(self.bytes)

    @property
    def model(self) -> Model:
        return Model(self.bytes)

    def __repr__(self) -> str:
        return "<Converted from %s: %d bytes>" % (self.kind, len(self.bytes))


# ---- live objects, saved first ----


def _modules_of(thing: Any) -> List[str]:
    return [each.__module__.split(".")[0] for each in type(thing).__mro__ if each.__module__ != "builtins"]


def _save_keras(model: Any, folder: str, args: Any) -> str:
    path = os.path.join(folder, "model.keras")
    try:
        model.save(path)
    except (ValueError, NotImplementedError):  # Keras 2 before 2.12
        path = os.path.join(folder, "model.h5")
        model.save(path)
    return path


def _save_torch(module: Any, folder: str, args: Any) -> str:
    torch = sys.modules["torch"]
    program = module
    if not hasattr(module, "graph_signature"):
        if args is None:
            raise Error(Status.ERR_ARGUMENT, "a torch module wants args=, the inputs that it is exported with")
        program = torch.export.export(module.eval(), tuple(args))
    path = os.path.join(folder, "model.pt2")
    torch.export.save(program, path)
    return path


def _save_jax(exported: Any, folder: str, args: Any) -> str:
    path = os.path.join(folder, "model.jax")
    if not hasattr(exported, "serialize"):  # a function, jitted or not
        if args is None:
            raise Error(Status.ERR_ARGUMENT, "a JAX function wants args=, the arrays or shapes that it is exported with")
        import jax
        from jax import export
        function = exported if hasattr(exported, "lower") else jax.jit(exported)
        exported = export.export(function)(*args)
    with open(path, "wb") as file:
        file.write(bytes(exported.serialize()))
    return path


def _save_onnx(model: Any, folder: str, args: Any) -> str:
    path = os.path.join(folder, "model.onnx")
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return path


def _save_tensorflow(module: Any, folder: str, args: Any) -> str:
    path = os.path.join(folder, "model")
    sys.modules["tensorflow"].saved_model.save(module, path)
    return path


# The first of these packages among a type's classes says who saves it.
_SAVERS = (("keras", _save_keras), ("tf_keras", _save_keras), ("torch", _save_torch), ("onnx", _save_onnx),
           ("jax", _save_jax), ("jaxlib", _save_jax), ("tensorflow", _save_tensorflow))


def _saver(thing: Any) -> Any:
    modules = _modules_of(thing)
    for package, saver in _SAVERS:
        if package in modules:
            return saver
    if callable(thing) and "jax" in sys.modules:
        return _save_jax
    raise Error(Status.ERR_ARGUMENT, "a %s is neither a path nor a model of Keras, TensorFlow, PyTorch, JAX or ONNX" %
                type(thing).__name__)


# ---- conversion ----


def _texts(values: Iterable[str]) -> Any:
    encoded = [each.encode("utf-8") for each in values]
    return (c_char_p * max(len(encoded), 1))(*encoded), len(encoded)


def _convert_path(path: Path, options: ConvertOptions) -> Converted:
    library, record, handle = _library(), ErrorRecord(), c_void_p()
    status = library.ln_convert(os.fsencode(path), ctypes.byref(options), ctypes.byref(record), ctypes.byref(handle))
    if status != Status.OK:
        raise Error(status, "%s: %s" % (os.fspath(path), record.message.decode("utf-8", "replace")))
    try:
        size = c_size_t()
        data = library.ln_conversion_data(handle, ctypes.byref(size))
        return Converted(ctypes.string_at(data, size.value), text(library.ln_conversion_kind(handle)))
    finally:
        library.ln_conversion_destroy(handle)


def convert(source: Any, output: Optional[Path] = None, *, kind: Optional[str] = None, args: Optional[Sequence[Any]] = None,
            signatures: Union[None, str, Iterable[str]] = None,
            shapes: Optional[Mapping[str, Sequence[Optional[int]]]] = None, channels_last: bool = False) -> Converted:
    """Makes a .tflite model of a file or folder, or of a live model.

    `source` is a path (what it holds is found from its content; `kind` says it where that cannot be), or an object of a
    framework that is installed: a Keras model, a torch module (with `args`) or exported program, a JAX function (with
    `args`) or jax.export.Exported, an ONNX ModelProto, a tf.Module. `output` is where the model is written, too.

    `signatures` picks some of the source's; `shapes` gives inputs their dimensions by name, None for open ones;
    `channels_last` takes and gives pictures as [batch, height, width, channels] where the source has channels first.
    Raises `Error`, which names the layer or node of the source, for what cannot be converted.
    """
    wanted = [signatures] if isinstance(signatures, str) else list(signatures or [])
    given = ["%s=%s" % (name, ",".join("?" if d is None or d < 0 else str(d) for d in dims))
             for name, dims in (shapes or {}).items()]
    keys, key_count = _texts(wanted)
    dims, dim_count = _texts(given)
    options = ConvertOptions(ctypes.sizeof(ConvertOptions), None if kind is None else kind.encode("utf-8"), keys, key_count,
                             dims, dim_count, channels_last, False)
    if isinstance(source, (str, os.PathLike)):
        converted = _convert_path(source, options)
    else:
        saver, folder = _saver(source), tempfile.mkdtemp(prefix="linnet-")
        try:
            converted = _convert_path(saver(source, folder, args), options)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if output is not None:
        converted.save(output)
    return converted
