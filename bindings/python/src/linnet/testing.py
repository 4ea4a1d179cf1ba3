"""Tries one operator alone: a program's own (`linnet.Operator`) or one of the library, by its name.

    from linnet.testing import try_operator
    try_operator(sinc, [np.array([0, 0.5], "float32")], [np.array([1, 0.6366198], "float32")], absolute=1e-6)

The Python side of ln_op_try (linnet/op_test.h).
"""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple, Union

from ._arrays import Given, numpy, take_in, type_of_values
from ._library import CustomOp, Error, OpTrial, OutputFunction, Status, TrialTensor, Type, call, lib
from ._model import read_tensor
from ._operator import Operator

__all__ = ["Tensor", "try_operator"]


@dataclass(frozen=True)
class Tensor:
    """A tensor of a trial, where an array does not say it all.

    `type` is a `linnet.Type`, or as NumPy names it; an array has its own, lists need one. A `constant` input stands in
    the model. An output without `value` is computed and not compared, but for its `shape` where that is given.
    """

    value: Any = None
    type: Any = None
    shape: Optional[Sequence[int]] = None
    constant: bool = False
    scale: float = 0.0
    zero_point: int = 0


def _type(given: Any) -> Type:
    if isinstance(given, Type):
        return given
    if not isinstance(given, str) and numpy is not None:
        given = numpy.dtype(given).name
    if not isinstance(given, str) or given.upper() not in Type.__members__:
        raise Error(Status.ERR_TYPE, "%r is no element type" % (given,))
    return Type[given.upper()]


class _Side:
    """The inputs or outputs as the library takes them; `keep` holds what they point to."""

    def __init__(self, name: str, tensors: Sequence[Any]) -> None:
        self.count = len(tensors)
        self.array = (TrialTensor * max(self.count, 1))()
        self.keep: List[Any] = []
        for i, tensor in enumerate(tensors):
            self.array[i].size = ctypes.sizeof(TrialTensor)
            if tensor is None:
                if name == "output":
                    raise Error(Status.ERR_ARGUMENT, "output %d needs a type, at least" % i)
                self.array[i].absent = True
                continue
            if isinstance(tensor, Type):
                tensor = Tensor(type=tensor)
            try:
                self._fill(self.array[i], tensor if isinstance(tensor, Tensor) else Tensor(tensor), name == "input")
            except Error as error:
                raise Error(error.status, "%s %d: %s" % (name, i, error)) from None

    def _fill(self, out: TrialTensor, tensor: Tensor, is_input: bool) -> None:
        given: Optional[Given] = None
        kind = type_of_values(tensor.value) if tensor.type is None else _type(tensor.type)
        if kind is None:
            raise Error(Status.ERR_TYPE, "say its type: Tensor(values, type=...)")
        if tensor.value is not None:
            given = take_in(kind, tensor.value)
            out.data, out.bytes = given.pointer, given.size
        elif is_input:
            raise Error(Status.ERR_ARGUMENT, "has no value")
        shape: Optional[Tuple[int, ...]] = tuple(tensor.shape) if tensor.shape is not None else None
        if shape is None and given is not None:
            shape = given.shape
        dims = (ctypes.c_int32 * max(len(shape or ()), 1))(*(shape or ()))
        out.type, out.rank, out.dims = int(kind), -1 if shape is None else len(shape), dims
        out.constant, out.scale, out.zero_point = tensor.constant, tensor.scale, tensor.zero_point
        self.keep += [given, dims]


class _Seen:
    """The outputs of the first run, which those of later runs equal where nothing else is expected of them."""

    def __init__(self, outputs: _Side) -> None:
        self.outputs = outputs
        self.values: List[Any] = [None] * outputs.count
        self.bytes: List[Optional[bytes]] = [None] * outputs.count

    def free(self, index: int, size: int) -> bool:
        """Whether the library does not compare it itself, in values or in shape."""
        expected = self.outputs.array[index]
        return not expected.data and (expected.rank < 0 or size == len(self.bytes[index] or b""))

    def look(self, user: Any, index: int, tensor: int, record: Any) -> int:
        try:
            data, size = lib.ln_tensor_data(tensor), lib.ln_tensor_bytes(tensor)
            now = ctypes.string_at(data, size) if data else b""
            if self.bytes[index] is None:
                self.bytes[index] = now
                self.values[index] = read_tensor(tensor)
            elif self.bytes[index] != now and self.free(index, size):
                raise Error(Status.ERR_DATA, "output %d: another run gives other values" % index)
            return Status.OK
        except BaseException as problem:  # noqa: B902: nothing may pass through C
            status = problem.status if isinstance(problem, Error) else Status.ERR_DATA
            record.contents.status = status
            record.contents.message = str(problem).encode("utf-8", "replace")[:507]
            return status


def try_operator(operator: Union[Operator, str], inputs: Sequence[Any], outputs: Sequence[Any], *, options: bytes = b"",
                 absolute: float = 0.0, relative: float = 0.0) -> List[Any]:
    """Runs the operator on `inputs` and gives the outputs, in a list, if they are what `outputs` says; else raises.

    An input is an array, a `Tensor`, or None where an optional one is left out. An output is an array that is expected, a
    `Tensor`, or the `linnet.Type` of one that is only computed. Float outputs may differ from what is expected by
    `absolute` + `relative` * the largest magnitude expected, all others must be equal. `options` are a custom operator's,
    as they would stand in a model; a builtin one named has its default options.

    It is run on one thread and on two, with shapes known only in the run, and each time again after a reset: the
    `linnet.Error` says which of them went wrong and where. Its status is ERR_DATA when an output is not what was expected,
    else what making the model or the operator itself says.
    """
    if not isinstance(operator, (Operator, str)):
        raise TypeError("a trial takes a linnet.Operator or a name, not %s" % type(operator).__name__)
    name = operator.name if isinstance(operator, Operator) else operator
    sides = _Side("input", inputs), _Side("output", outputs)
    seen = _Seen(sides[1])
    look = OutputFunction(seen.look)
    block = ctypes.create_string_buffer(bytes(options), max(len(options), 1))
    trial = OpTrial(size=ctypes.sizeof(OpTrial), name=name.encode("utf-8"),
                    op=ctypes.pointer(operator._struct) if isinstance(operator, Operator) else ctypes.POINTER(CustomOp)(),
                    options=ctypes.addressof(block), options_size=len(options), inputs=sides[0].array,
                    input_count=sides[0].count, outputs=sides[1].array, output_count=sides[1].count, absolute=absolute,
                    relative=relative, on_output=look)
    call(lib.ln_op_try, ctypes.byref(trial))
    return seen.values
