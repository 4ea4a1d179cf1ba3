"""Bytes of tensors as Python sees them: NumPy arrays where NumPy is there, else memoryviews with a format and a shape.

Strings come as objects (an array of them, or nested lists); elements under 8 bits are unpacked into int8 or uint8;
bfloat16 and the 8-bit floats, which neither NumPy nor memoryview knows, come as unsigned integers with the same bits.
"""
from __future__ import annotations

import array
import ctypes
import struct
from typing import Any, Iterable, List, Optional, Sequence, Tuple

from ._library import Error, Status, Type

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

# Type: (name of the elements in Python, struct format, bytes)
_ELEMENTS = {
    Type.FLOAT32: ("float32", "f", 4),
    Type.FLOAT16: ("float16", "e", 2),
    Type.INT32: ("int32", "i", 4),
    Type.UINT8: ("uint8", "B", 1),
    Type.INT64: ("int64", "q", 8),
    Type.BOOL: ("bool", "?", 1),
    Type.INT16: ("int16", "h", 2),
    Type.COMPLEX64: ("complex64", "f", 8),
    Type.INT8: ("int8", "b", 1),
    Type.FLOAT64: ("float64", "d", 8),
    Type.COMPLEX128: ("complex128", "d", 16),
    Type.UINT64: ("uint64", "Q", 8),
    Type.UINT32: ("uint32", "I", 4),
    Type.UINT16: ("uint16", "H", 2),
    Type.INT4: ("int8", "b", 1),
    Type.BFLOAT16: ("uint16", "H", 2),
    Type.INT2: ("int8", "b", 1),
    Type.UINT4: ("uint8", "B", 1),
    Type.FLOAT8_E4M3FN: ("uint8", "B", 1),
    Type.FLOAT8_E5M2: ("uint8", "B", 1),
}
_PACKED_BITS = {Type.INT4: 4, Type.UINT4: 4, Type.INT2: 2}
_COMPLEX = (Type.COMPLEX64, Type.COMPLEX128)


def product(shape: Iterable[int]) -> int:
    count = 1
    for dim in shape:
        count *= dim
    return count


def dtype_of(kind: int) -> Any:
    """The NumPy scalar type of the elements (`numpy.float32`), or its name without NumPy; None for handles."""
    if kind == Type.STRING:
        return numpy.bytes_ if numpy is not None else "bytes"
    if kind not in _ELEMENTS:
        return None
    name = _ELEMENTS[Type(kind)][0]
    return numpy.dtype(name).type if numpy is not None else name


def ints(values: Sequence[int]) -> Any:
    return numpy.array(values, dtype=numpy.int32) if numpy is not None else array.array("i", values)


def floats(values: Sequence[float]) -> Any:
    return numpy.array(values, dtype=numpy.float32) if numpy is not None else array.array("f", values)


# What the elements of an array say: the types that have a form of their own.
_BY_NAME = {_ELEMENTS[kind][0]: kind for kind in reversed(list(_ELEMENTS))}
_BY_NAME.update(int8=Type.INT8, uint8=Type.UINT8, uint16=Type.UINT16)
_BY_FORM = {(form, size): _BY_NAME[name] for name, form, size in _ELEMENTS.values() if name[:7] != "complex"}


def type_of_values(values: Any) -> Optional[Type]:
    """The type of an array's elements; None for lists and numbers, which could be of several."""
    if numpy is not None and isinstance(values, (numpy.ndarray, numpy.generic)):
        return Type.STRING if values.dtype.kind in "OSU" else _BY_NAME.get(values.dtype.name)
    try:
        view = memoryview(values)
    except TypeError:
        return None
    return _BY_FORM.get((view.format.lstrip("<=@").replace("l", "q").replace("L", "Q"), view.itemsize))


# ---- out of the library ----


def _shaped(buffer: Any, kind: Type, shape: Tuple[int, ...]) -> Any:
    """`buffer` as elements of `kind`, sharing its memory."""
    name, form, _ = _ELEMENTS[kind]
    if numpy is not None:
        return numpy.frombuffer(buffer, dtype=name).reshape(shape)
    view = memoryview(buffer).cast("B")
    if kind in _COMPLEX:
        shape = shape + (2,)
    if form == "e":
        try:
            view.cast("e")
        except ValueError:
            form = "H"  # before Python 3.12
    return view.cast(form) if 0 in shape else view.cast(form, shape)


def _unpacked(data: bytes, kind: Type, count: int) -> bytearray:
    bits = _PACKED_BITS[kind]
    signed = kind != Type.UINT4
    top, mask, per_byte = 1 << (bits - 1), (1 << bits) - 1, 8 // bits
    table = []
    for byte in range(256):
        values = [(byte >> (bits * i)) & mask for i in range(per_byte)]
        table.append(bytes((v - 2 * top) & 255 if signed and v >= top else v for v in values))
    return bytearray(b"".join(table[byte] for byte in data)[:count])


def _packed(data: bytes, kind: Type) -> bytes:
    bits = _PACKED_BITS[kind]
    mask, per_byte = (1 << bits) - 1, 8 // bits
    out = bytearray((len(data) + per_byte - 1) // per_byte)
    for i, value in enumerate(data):
        out[i // per_byte] |= (value & mask) << (bits * (i % per_byte))
    return bytes(out)


def _nested(values: List[Any], shape: Sequence[int]) -> Any:
    if len(shape) == 0:
        return values[0]
    step = product(shape[1:])
    return [_nested(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _strings(data: bytes, shape: Tuple[int, ...]) -> Any:
    count = struct.unpack_from("<i", data)[0] if len(data) >= 4 else 0
    ends = struct.unpack_from("<%di" % (count + 1), data, 4) if count > 0 else (0,)
    values = [data[ends[i] : ends[i + 1]] for i in range(count)]
    if product(shape) != count:
        shape = (count,)
    if numpy is None:
        return _nested(values, shape)
    out = numpy.empty(count, dtype=object)
    for i, value in enumerate(values):
        out[i] = value
    return out.reshape(shape)


def copy_out(kind: int, shape: Tuple[int, ...], address: int, size: int) -> Any:
    """A copy of a tensor's data."""
    data = ctypes.string_at(address, size)
    if kind == Type.STRING:
        return _strings(data, shape)
    if kind not in _ELEMENTS:
        raise Error(Status.ERR_TYPE, "a %s tensor holds no numbers" % Type(kind).name.lower())
    kind = Type(kind)
    if kind in _PACKED_BITS:
        return _shaped(_unpacked(data, kind, product(shape)), kind, shape)
    if kind == Type.FLOAT16 and numpy is None:
        values = array.array("f", struct.unpack("<%de" % (size // 2), data))
        return memoryview(values) if 0 in shape else memoryview(values).cast("B").cast("f", shape)
    return _shaped(bytearray(data), kind, shape)


def view_out(kind: int, shape: Tuple[int, ...], block: Any) -> Any:
    """The data in place: `block` is a ctypes array over it, which the view keeps alive."""
    if kind not in _ELEMENTS or kind in _PACKED_BITS:
        raise Error(Status.ERR_TYPE, "a %s tensor cannot be seen in place" % Type(kind).name.lower())
    return _shaped(block, Type(kind), shape)


# ---- into the library ----


def _flat(value: Any, shape: List[int], depth: int, out: List[Any]) -> None:
    if not isinstance(value, (list, tuple)):
        if depth != len(shape):
            raise Error(Status.ERR_SHAPE, "nested lists of unequal depth")
        out.append(value)
        return
    if depth == len(shape):
        if out:
            raise Error(Status.ERR_SHAPE, "nested lists of unequal depth")
        shape.append(len(value))
    if len(value) != shape[depth]:
        raise Error(Status.ERR_SHAPE, "nested lists of unequal length")
    for item in value:
        _flat(item, shape, depth + 1, out)


def _pack_strings(values: Sequence[Any]) -> bytes:
    encoded = []
    for value in values:
        if isinstance(value, str):
            value = value.encode("utf-8")
        if not isinstance(value, bytes):
            raise Error(Status.ERR_TYPE, "a string tensor takes bytes or str, not %s" % type(value).__name__)
        encoded.append(bytes(value))
    ends = [4 * (len(encoded) + 2)]
    for value in encoded:
        ends.append(ends[-1] + len(value))
    return struct.pack("<i%di" % len(ends), len(encoded), *ends) + b"".join(encoded)


def same_shape(given: Tuple[int, ...], shape: Tuple[int, ...]) -> bool:
    """Without NumPy nothing empty can carry more than one dimension."""
    return given == shape or (numpy is None and given == (0,) and 0 in shape)


class Given:
    """A value on its way into a tensor: `pointer` and `size` of its bytes, alive as long as this object."""

    def __init__(self, keep: Any, pointer: int, size: int, shape: Tuple[int, ...]) -> None:
        self.keep, self.pointer, self.size, self.shape = keep, pointer, size, shape


def _given(data: bytes, shape: Tuple[int, ...]) -> Given:
    block = ctypes.create_string_buffer(data, max(len(data), 1))
    return Given(block, ctypes.addressof(block), len(data), shape)


def _wrong_type(kind: Type, got: Any) -> Error:
    return Error(Status.ERR_TYPE, "takes %s, %s was given" % (Type(kind).name.lower(), got))


def _numpy_in(kind: Type, value: Any) -> Given:
    if kind == Type.STRING:
        values = numpy.asarray(value)
        return _given(_pack_strings(values.reshape(-1).tolist()), values.shape)
    wanted = numpy.dtype(_ELEMENTS[kind][0])
    if isinstance(value, (list, tuple, int, float, complex)):
        values = numpy.asarray(value, dtype=wanted)
    else:
        values = numpy.asarray(value)
        if values.dtype != wanted:
            raise _wrong_type(kind, values.dtype)
    shape = values.shape
    values = numpy.ascontiguousarray(values)
    if kind in _PACKED_BITS:
        return _given(_packed(values.tobytes(), kind), shape)
    return Given(values, values.ctypes.data, values.nbytes, shape)


def _plain_in(kind: Type, value: Any) -> Given:
    name, form, size = _ELEMENTS.get(kind, ("bytes", "s", 0))
    if kind == Type.STRING or isinstance(value, (list, tuple, int, float, complex)):
        if hasattr(value, "tolist"):
            value = value.tolist()
        shape: List[int] = []
        items: List[Any] = []
        _flat(value, shape, 0, items)
        if kind == Type.STRING:
            return _given(_pack_strings(items), tuple(shape))
        if kind in _COMPLEX:
            items = [part for item in items for part in (complex(item).real, complex(item).imag)]
        try:
            data = struct.pack("<%d%s" % (len(items), form), *items)
        except struct.error as problem:
            raise Error(Status.ERR_TYPE, "takes %s: %s" % (kind.name.lower(), problem)) from None
    else:
        view = memoryview(value)
        if kind == Type.FLOAT16 and view.format == "f":  # as copies of it come out
            view = memoryview(struct.pack("<%de" % (view.nbytes // 4), *view.cast("B").cast("f"))).cast(
                "H", view.shape or ())
            form = "H"
        data, dims = view.tobytes(), tuple(view.shape or ())
        if kind in _COMPLEX and view.format == form:
            dims = dims[:-1]
        elif view.format.lstrip("<=@") not in (form, form.replace("q", "l").replace("Q", "L")) or view.itemsize != size:
            raise _wrong_type(kind, "elements of format '%s'" % view.format)
        shape = list(dims)
    return _given(_packed(data, kind) if kind in _PACKED_BITS else data, tuple(shape))


def take_in(kind: int, value: Any) -> Given:
    """Numbers in lists are converted to the tensor's type; arrays must be of it."""
    if kind != Type.STRING and kind not in _ELEMENTS:
        raise Error(Status.ERR_TYPE, "a %s tensor takes no values" % Type(kind).name.lower())
    return _numpy_in(Type(kind), value) if numpy is not None else _plain_in(Type(kind), value)
