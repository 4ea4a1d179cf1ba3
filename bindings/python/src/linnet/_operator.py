"""Operators of the program's own, written in Python or compiled."""
from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

from ._library import INFER_LATER, CustomOp, Error, InferFunction, RunFunction, Status, lib, path, text
from ._model import TensorInfo, describe, read_tensor, view_tensor

Infer = Callable[[List[Optional[TensorInfo]], bytes], Optional[Sequence[Sequence[int]]]]
Run = Callable[[List[Any], List[Any], bytes], None]


def _options(node: int) -> bytes:
    size = ctypes.c_size_t()
    data = lib.ln_node_options(node, ctypes.byref(size))
    return ctypes.string_at(data, size.value) if data else b""


def _fail(node: int, record: Any, problem: BaseException) -> int:
    status = problem.status if isinstance(problem, Error) else Status.ERR_DATA
    message = "%s: %s" % (type(problem).__name__, problem)
    return lib.ln_node_fail(node, record, status, b"%s", ctypes.c_char_p(message.encode("utf-8", "replace")))


class Operator:
    """What a session calls for the custom operators of one name; given to `Model.session(operators=[...])`.

    `infer(inputs, options)` gets a `TensorInfo` for each input (None where it is absent) and the options as they stand
    in the model, and returns the outputs' shapes; None when they depend on values (it is then asked again in the run).
    `run(inputs, outputs, options)` gets arrays, those of `outputs` to be filled; none may be kept. What either of them
    raises becomes the `linnet.Error` of the run.
    """

    def __init__(self, name: str, infer: Infer, run: Run) -> None:
        self.name = name
        self._infer, self._run = infer, run
        self._encoded = name.encode("utf-8")
        # The library holds these pointers: they live as long as the operator, and the session keeps the operator.
        self._functions = (InferFunction(self._call_infer), RunFunction(self._call_run))
        self._struct = CustomOp(size=ctypes.sizeof(CustomOp), name=self._encoded, infer=self._functions[0],
                                run=self._functions[1])

    @classmethod
    def from_library(cls, library: Union[str, "os.PathLike[str]"], symbol: str) -> "Operator":
        """One written in C: `symbol` is an `ln_custom_op` (linnet/op.h) that the shared library exports.

        It need not be linked with Linnet: the functions it calls are those of the library that this package uses.
        """
        ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)  # loaded already: now for libraries after it, too
        loaded = ctypes.CDLL(os.fspath(library))
        operator = cls.__new__(cls)
        operator._functions = (loaded,)
        operator._struct = CustomOp.in_dll(loaded, symbol)
        operator.name = text(operator._struct.name)
        return operator

    def _call_infer(self, state: int, node: int, record: Any) -> int:
        try:
            inputs = [lib.ln_node_input(node, i) for i in range(lib.ln_node_input_count(node))]
            shapes = self._infer([None if tensor is None else describe("", -1, tensor) for tensor in inputs],
                                 _options(node))
            if shapes is None:
                return INFER_LATER
            if len(shapes) != lib.ln_node_output_count(node):
                raise Error(Status.ERR_SHAPE, "%d shapes for %d outputs" % (len(shapes),
                                                                           lib.ln_node_output_count(node)))
            for i, shape in enumerate(shapes):
                dims = (ctypes.c_int32 * max(len(shape), 1))(*[int(dim) for dim in shape])
                status = lib.ln_node_resize_output(node, i, dims, len(shape), record)
                if status != Status.OK:
                    return status
            return Status.OK
        except BaseException as problem:  # noqa: B902: nothing may pass through C
            return _fail(node, record, problem)

    def _call_run(self, state: int, node: int, record: Any) -> int:
        try:
            sides: Tuple[List[Any], List[Any]] = ([], [])
            for i in range(lib.ln_node_input_count(node)):
                tensor = lib.ln_node_input(node, i)
                sides[0].append(None if tensor is None else read_tensor(tensor))
            for i in range(lib.ln_node_output_count(node)):
                sides[1].append(view_tensor(lib.ln_node_output(node, i), None)[0])
            self._run(sides[0], sides[1], _options(node))
            return Status.OK
        except BaseException as problem:  # noqa: B902
            return _fail(node, record, problem)


def pointers(operators: Sequence[Operator]) -> Any:
    """What session options take."""
    for operator in operators:
        if not isinstance(operator, Operator):
            raise TypeError("operators are linnet.Operator, not %s" % type(operator).__name__)
    return (ctypes.POINTER(CustomOp) * max(len(operators), 1))(*[ctypes.pointer(o._struct) for o in operators])
