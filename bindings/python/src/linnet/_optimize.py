"""Making models smaller and faster, and measuring how right they are."""
from __future__ import annotations

import ctypes
import json
import os
import zlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ._arrays import product, take_in, type_of_values
from ._library import (AccuracyRecord, Error, ErrorRecord, FillFunction, LabelledRecord, OptimizeOptions, ParameterRecord,
                       ProgressFunction, ReportLayer, ReportPoint, SamplesRecord, Status, TechniqueInfo, Type, call, lib, text)
from ._model import Model, declared_shape, quantization, tensor_shape

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

ModelLike = Union[Model, str, "os.PathLike[str]", bytes, bytearray, memoryview]
Progress = Callable[[str, int, int], Any]  # what is being done, how much of it, of how much; False ends it


# ---- techniques ----

_KINDS = ("flag", "integer", "number", "choice", "text")  # ln_parameter_kind


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str  # "flag", "integer", "number", "choice" or "text"
    default: Optional[str]  # None: it must be said
    choices: Tuple[str, ...]
    low: float  # of numbers
    high: float
    what: str


def _parameter(p: ParameterRecord) -> Parameter:
    return Parameter(text(p.name), _KINDS[p.kind], None if p.fallback is None else text(p.fallback),
                     tuple(text(p.choices).split("|")) if p.choices else (), p.low, p.high, text(p.what))


def techniques() -> Dict[str, Dict[str, Parameter]]:
    """What a recipe's stages can be, in the order in which keywords of `optimize` run: parameters by name."""
    out: Dict[str, Dict[str, Parameter]] = {}
    for index in range(lib.ln_technique_count()):
        info = TechniqueInfo(size=ctypes.sizeof(TechniqueInfo))
        lib.ln_technique_get(index, ctypes.byref(info))
        parameters: Dict[str, Parameter] = {}
        at = 0
        while info.parameters[at].name is not None:
            parameters[text(info.parameters[at].name)] = _parameter(info.parameters[at])
            at += 1
        out[text(info.name)] = parameters
    return out


# ---- recipes ----


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _selectors(given: Union[None, str, Iterable[str]]) -> List[str]:
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def _from_keywords(keywords: Mapping[str, Any], include: Any, exclude: Any) -> Dict[str, Any]:
    """Stages from prune=0.8, pattern="1x4", quantize={"format": "int8"}: in the techniques' order."""
    known = techniques()
    stages: Dict[str, Dict[str, Any]] = {}
    loose: Dict[str, Any] = {}
    for key, value in keywords.items():
        if value is None:
            continue
        name = key.replace("_", "-")
        if key not in known:
            loose[name] = value
        elif isinstance(value, Mapping):
            stages[key] = {k.replace("_", "-"): v for k, v in value.items()}
        elif value is True or not known[key]:
            stages[key] = {}
        else:
            stages[key] = {next(iter(known[key])): value}
    if "max-drop" in loose:
        if "quantize" in stages:
            raise Error(Status.ERR_ARGUMENT, "max_drop= chooses among formats itself: search={\"formats\": ..., \"with\": ...}"
                        " in place of quantize=")
        stages.setdefault("search", {})
    for name, value in loose.items():
        takers = [technique for technique in stages if name in known[technique]]
        if len(takers) != 1:
            raise Error(Status.ERR_ARGUMENT, "%s=: %s" % (name.replace("-", "_"),
                        "no technique of this call has such a parameter" if not takers
                        else "a parameter of %s: give it as %s={%r: ...}" % (" and ".join(takers), takers[0], name)))
        stages[takers[0]][name] = value
    order = [name for name in known if name in stages]
    common = {"include": _selectors(include), "exclude": _selectors(exclude)}
    return {"stages": [dict(technique=name, parameters=stages[name], **common) for name in order]}


def _read_recipe(recipe: Any) -> Mapping[str, Any]:
    if isinstance(recipe, (str, os.PathLike)):
        with open(recipe, encoding="utf-8") as file:
            recipe = json.load(file)
    if isinstance(recipe, Mapping):
        return recipe
    if isinstance(recipe, Sequence):
        return {"stages": recipe}
    raise Error(Status.ERR_ARGUMENT, "a recipe is a mapping, a list of stages or the path of a JSON file")


class _Recipe:
    """An ln_recipe from the form that docs/recipe.schema.json says; mistakes are told with their place."""

    def __init__(self, recipe: Mapping[str, Any]) -> None:
        self.handle = call(lib.ln_recipe_create, out=True)
        try:
            self._fill(recipe)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        lib.ln_recipe_destroy(self.handle)
        self.handle = None

    def _say(self, place: str, function: Any, *words: str) -> None:
        try:
            call(function, self.handle, *[word.encode("utf-8") for word in words])
        except Error as error:
            raise Error(error.status, "%s: %s" % (place, error)) from None

    @staticmethod
    def _keys(place: str, given: Any, allowed: Sequence[str]) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            raise Error(Status.ERR_FORMAT, "%s: an object is wanted" % place)
        for key in given:
            if allowed and key not in allowed:
                raise Error(Status.ERR_FORMAT, "%s: no key %r: there are %s" % (place, key, ", ".join(allowed)))
        return given

    def _parameters(self, place: str, parameters: Any, selector: Optional[str] = None) -> None:
        for name, value in self._keys(place, parameters, ()).items():
            words = (name, _value_text(value)) if selector is None else (selector, name, _value_text(value))
            self._say("%s.%s" % (place, name), lib.ln_recipe_set if selector is None else lib.ln_recipe_set_for, *words)

    def _stage(self, place: str, stage: Any) -> None:
        self._keys(place, stage, ("technique", "parameters", "include", "exclude", "layers"))
        if not isinstance(stage.get("technique"), str):
            raise Error(Status.ERR_FORMAT, "%s.technique: the name of a technique is wanted" % place)
        self._say(place + ".technique", lib.ln_recipe_add, stage["technique"])
        self._parameters(place + ".parameters", stage.get("parameters", {}))
        for selector in _selectors(stage.get("include")):
            self._say(place + ".include", lib.ln_recipe_include, selector)
        for selector in _selectors(stage.get("exclude")):
            self._say(place + ".exclude", lib.ln_recipe_exclude, selector)
        for i, layer in enumerate(stage.get("layers", [])):
            at = "%s.layers[%d]" % (place, i)
            self._keys(at, layer, ("select", "parameters"))
            if not isinstance(layer.get("select"), str):
                raise Error(Status.ERR_FORMAT, "%s.select: a selector is wanted" % at)
            self._parameters(at + ".parameters", layer.get("parameters", {}), layer["select"])

    def _fill(self, recipe: Mapping[str, Any]) -> None:
        self._keys("recipe", recipe, ("$schema", "stages"))
        stages = recipe.get("stages")
        if not isinstance(stages, Sequence) or not stages:
            raise Error(Status.ERR_FORMAT, "stages: a list of stages is wanted")
        for i, stage in enumerate(stages):
            self._stage("stages[%d]" % i, stage)


# ---- samples ----


class _Input:
    """An input of the model that samples are given for."""

    def __init__(self, name: str, tensor: int) -> None:
        self.name = name
        self.type = Type(lib.ln_tensor_type(tensor))
        self.quantization = quantization(tensor)
        self.declared = declared_shape(tensor)


def _load(path: Any) -> Any:
    if numpy is None:
        raise Error(Status.ERR_FEATURE, "%s: reading files takes NumPy" % os.fspath(path))
    loaded = numpy.load(path, mmap_mode="r")
    return dict(loaded) if hasattr(loaded, "files") else loaded


class _Samples:
    """An ln_samples over what Python holds: an array of all, one for each input, or a sequence of samples."""

    def __init__(self, model: Model, data: Any, signature: Optional[str]) -> None:
        session = model.session(signature)
        self._inputs = [_Input(name, lib.ln_session_input(session._handle, i))
                        for i, name in enumerate(session._input_names)]
        if isinstance(data, (str, os.PathLike)):
            data = _load(data)
        if callable(data):
            data = list(data())
        self._columns = self._in_columns(data)
        self._data = data
        self.problem: Optional[BaseException] = None
        counts = {len(column) for column in self._columns} if self._columns is not None else {len(data)}
        if len(counts) != 1 or 0 in counts:
            raise Error(Status.ERR_DATA, "there are no samples" if 0 in counts else "inputs with %s samples"
                        % " and ".join(str(count) for count in sorted(counts)))
        self._rows = self._rows_of_floats()
        self._fill = FillFunction(self._fill_session)
        self.record = SamplesRecord(ctypes.sizeof(SamplesRecord), counts.pop(), self._fill, None)

    def _in_columns(self, data: Any) -> Optional[List[Any]]:
        """Arrays of which each holds all samples of one input; None: `data` is a sequence of samples."""
        if isinstance(data, Mapping):
            missing = [each.name for each in self._inputs if each.name not in data]
            if len(self._inputs) == 1 and len(data) == 1:
                return list(data.values())
            if missing:
                raise Error(Status.ERR_NOT_FOUND, "no samples for input %r" % missing[0])
            return [data[each.name] for each in self._inputs]
        whole = type_of_values(data) is not None and len(getattr(data, "shape", ())) > 0
        if not whole:
            return None
        if len(self._inputs) != 1:
            raise Error(Status.ERR_SHAPE, "the model has %d inputs: give a mapping of their names" % len(self._inputs))
        return [data]

    def _sample(self, index: int) -> List[Any]:
        if self._columns is not None:
            return [column[index] for column in self._columns]
        sample = self._data[index]
        if isinstance(sample, Mapping):
            return [sample[each.name] for each in self._inputs]
        if len(self._inputs) == 1 and not (isinstance(sample, (list, tuple)) and len(sample) == 1
                                           and type_of_values(sample[0]) is not None):
            return [sample]
        if len(sample) != len(self._inputs):
            raise Error(Status.ERR_SHAPE, "%d arrays for the model's %d inputs" % (len(sample), len(self._inputs)))
        return list(sample)

    def _fill_session(self, _user: Any, index: int, session: int, record: Any) -> int:
        try:
            if self._rows is not None and self._copy_rows(session, index):
                return int(Status.OK)
            values = self._sample(index)
            given = [self._take(each, value) for each, value in zip(self._inputs, values)]
            for i, (each, (_, shape, _)) in enumerate(zip(self._inputs, given)):
                self._resize(session, i, each, shape)
            call(lib.ln_session_prepare, session)
            for i, (each, (value, shape, stored)) in enumerate(zip(self._inputs, given)):
                self._write(lib.ln_session_input(session, i), each, value, shape, stored)
        except BaseException as problem:  # told to the library, raised when it returns
            status = problem.status if isinstance(problem, Error) else Status.ERR_DATA
            record.contents.status = int(status)
            record.contents.message = ("sample %d: %s" % (index, problem)).encode("utf-8", "replace")[:507]
            if not isinstance(problem, Error):
                self.problem = problem
            return int(status)
        return int(Status.OK)

    def _rows_of_floats(self) -> Optional[List[Tuple[Any, int, int]]]:
        """Of arrays that hold float32 for float32 inputs: each with its address and the bytes of a sample."""
        if numpy is None or self._columns is None:
            return None
        for each, column in zip(self._inputs, self._columns):
            if not isinstance(column, numpy.ndarray) or column.dtype != numpy.float32 or not column.flags.c_contiguous \
                    or each.type != Type.FLOAT32 or -1 in each.declared[1:]:
                return None
        return [(column, column.ctypes.data, column[0].nbytes) for column in self._columns]

    def _copy_rows(self, session: int, index: int) -> bool:
        """The short way, where a session's inputs take a sample as it lies; False: nothing was done."""
        assert self._rows is not None
        call(lib.ln_session_prepare, session)
        tensors = [lib.ln_session_input(session, i) for i in range(len(self._rows))]
        for tensor, (column, _, size) in zip(tensors, self._rows):
            if lib.ln_tensor_type(tensor) != Type.FLOAT32 or lib.ln_tensor_bytes(tensor) != size \
                    or not numpy.isfinite(column[index]).all():
                return False
        for tensor, (_, address, size) in zip(tensors, self._rows):
            ctypes.memmove(lib.ln_tensor_mutable_data(tensor), address + index * size, size)
        return True

    @staticmethod
    def _take(each: _Input, value: Any) -> Tuple[Any, Tuple[int, ...], bool]:
        """Floats, or numbers of the input's own integer type; its shape; and which."""
        kind = type_of_values(value)
        if each.type not in (Type.FLOAT32, Type.FLOAT16, Type.BFLOAT16) and (kind == each.type or kind is None):
            given = take_in(each.type, value)
            return given, given.shape, True
        if numpy is not None:
            value = numpy.ascontiguousarray(value, dtype=numpy.float32)
            if not numpy.isfinite(value).all():
                raise Error(Status.ERR_DATA, "input %r holds NaN or an infinite number" % each.name)
        given = take_in(Type.FLOAT32, value)
        return given, given.shape, False

    @staticmethod
    def _resize(session: int, index: int, each: _Input, shape: Tuple[int, ...]) -> None:
        tensor = lib.ln_session_input(session, index)
        now = tensor_shape(tensor)
        for wanted in (shape, (1,) + shape):
            fits = len(wanted) == len(each.declared) and all(d in (-1, w) for w, d in zip(wanted, each.declared))
            if not fits:
                continue
            if wanted != now:
                dims = (ctypes.c_int32 * max(len(wanted), 1))(*wanted)
                call(lib.ln_session_resize_input, session, index, dims, len(wanted))
            return
        if product(shape) != product(now) or -1 in each.declared[1:]:
            raise Error(Status.ERR_SHAPE, "input %r takes %s, the sample has %s" % (each.name, list(each.declared),
                                                                                    list(shape)))

    @staticmethod
    def _write(tensor: int, each: _Input, value: Any, shape: Tuple[int, ...], stored: bool) -> None:
        count = product(shape)
        if not stored:
            call(lib.ln_tensor_copy_from_f32, tensor, value.pointer, count)
            return
        if Type(lib.ln_tensor_type(tensor)) == each.type and quantization(tensor) == each.quantization:
            ctypes.memmove(lib.ln_tensor_mutable_data(tensor), value.pointer, value.size)
            return
        scale, zero = (each.quantization[0] or (1.0,))[0], (each.quantization[1] or (0,))[0]
        ctype = {Type.INT8: ctypes.c_int8, Type.UINT8: ctypes.c_uint8, Type.INT16: ctypes.c_int16,
                 Type.INT32: ctypes.c_int32, Type.INT64: ctypes.c_int64}.get(each.type)
        if ctype is None:
            raise Error(Status.ERR_TYPE, "input %r: give real numbers" % each.name)
        numbers = ctypes.cast(value.pointer, ctypes.POINTER(ctype))
        call(lib.ln_tensor_copy_from_f32, tensor,
             (ctypes.c_float * max(count, 1))(*[scale * (numbers[i] - zero) for i in range(count)]), count)


class _Labelled:
    def __init__(self, model: Model, x: Any, y: Any, top: int, signature: Optional[str] = None) -> None:
        self.samples = _Samples(model, x, signature)
        labels = [int(label) for label in (y.reshape(-1) if hasattr(y, "reshape") else y)]
        if len(labels) != self.samples.record.count:
            raise Error(Status.ERR_SHAPE, "%d labels for %d samples" % (len(labels), self.samples.record.count))
        self._labels = (ctypes.c_int32 * len(labels))(*labels)
        self.record = LabelledRecord(ctypes.sizeof(LabelledRecord), ctypes.pointer(self.samples.record), self._labels, top)


class _ProgressCall:
    def __init__(self, progress: Optional[Progress]) -> None:
        self.problem: Optional[BaseException] = None
        self._progress = progress
        self.function = ProgressFunction(self._told) if progress is not None else ProgressFunction()

    def _told(self, _user: Any, what: bytes, done: int, total: int) -> bool:
        try:
            assert self._progress is not None
            return self._progress(text(what), done, total) is not False
        except BaseException as problem:
            self.problem = problem
            return False


def _check(status: int, record: ErrorRecord, *callbacks: Any) -> None:
    """Raises what went wrong, first of all what a callback of the caller's raised."""
    for callback in callbacks:
        if callback is not None and callback.problem is not None:
            raise callback.problem
    if status != Status.OK:
        raise Error(status, text(record.message) or Status(status).name)


# ---- running ----


@dataclass(frozen=True)
class Accuracy:
    accuracy: float
    right: int
    samples: int


def evaluate(model: ModelLike, x: Any, y: Any, *, top: int = 1, threads: int = 1,
             progress: Optional[Progress] = None) -> Accuracy:
    """How many of the samples `x`, whose classes are `y`, have theirs among the `top` greatest of the first output.

    `x` is as `data` of `optimize`.
    """
    model = model if isinstance(model, Model) else Model(model)
    labelled = _Labelled(model, x, y, top)
    told, record = _ProgressCall(progress), ErrorRecord()
    out = AccuracyRecord(size=ctypes.sizeof(AccuracyRecord))
    status = lib.ln_evaluate(model._handle, ctypes.byref(labelled.record), threads, told.function, None,
                             ctypes.byref(record), ctypes.byref(out))
    _check(status, record, labelled.samples, told)
    return Accuracy(out.accuracy, out.right, out.samples)


@dataclass(frozen=True)
class Optimized:
    """An optimized model: the bytes of its file, and what was done, as `linnet optimize --json` prints it."""

    bytes: bytes
    report: Dict[str, Any]

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        with open(path, "wb") as file:
            file.write(self.bytes)

    @property
    def model(self) -> Model:
        return Model(self.bytes)

    def __repr__(self) -> str:
        return "<linnet.Optimized %d bytes of %d>" % (len(self.bytes), self.report["before"]["bytes"])


def _number(value: float) -> Optional[float]:
    return None if value != value else value


def _points(report: int) -> Tuple[List[Dict[str, Any]], bytes]:
    points, data = [], b""
    for i in range(lib.ln_optimize_report_points(report)):
        p = ReportPoint(size=ctypes.sizeof(ReportPoint))
        lib.ln_optimize_report_point(report, i, ctypes.byref(p))
        data = ctypes.string_at(p.file, p.bytes)
        points.append({
            "stage": text(p.stage), "bytes": p.bytes, "deflated_bytes": len(zlib.compress(data, 9)),
            "arena_bytes": p.arena_bytes if p.arena_bytes >= 0 else None, "latency_ms": _number(p.latency_ms),
            "accuracy": _number(p.accuracy), "max_error": _number(p.max_error), "snr_db": _number(p.snr_db)})
    return points, data


def _layers(report: int) -> List[Dict[str, Any]]:
    out = []
    for i in range(lib.ln_optimize_report_layers(report)):
        row = ReportLayer(size=ctypes.sizeof(ReportLayer))
        lib.ln_optimize_report_layer(report, i, ctypes.byref(row))
        out.append({
            "stage": text(row.stage), "operator": text(row.operator_name), "index": row.index if row.index >= 0 else None,
            "name": text(row.name), "what": text(row.what), "bytes_before": row.bytes_before,
            "bytes_after": row.bytes_after, "sparsity": _number(row.sparsity), "clusters": row.clusters,
            "weight_error": _number(row.weight_error), "snr_db": _number(row.snr_db)})
    return out


def _optimized(report: int) -> Optimized:
    points, data = _points(report)
    notes = [text(lib.ln_optimize_report_note(report, i)) for i in range(lib.ln_optimize_report_notes(report))]
    return Optimized(data, {"before": points[0], "after": points[-1], "stages": points[1:], "layers": _layers(report),
                            "notes": notes})


def optimize(model: ModelLike, recipe: Any = None, *, data: Any = None, eval: Optional[Tuple[Any, Any]] = None,
             include: Union[None, str, Iterable[str]] = None, exclude: Union[None, str, Iterable[str]] = None,
             signature: Optional[str] = None, threads: int = 1, measure: bool = True,
             progress: Optional[Progress] = None, **keywords: Any) -> Optimized:
    """Runs a recipe over a model; the model stays as it is.

    `recipe` is what docs/recipe.schema.json describes: a mapping, its list of stages, or the path of a JSON file. In its
    place keywords make one, as the flags of `linnet optimize` do: a technique with its first parameter (`prune=0.8`), with
    several in a mapping (`quantize={"format": "int8", "rounding": "learned"}`), other parameters of these techniques by
    their names (`io="int8"`), `max_drop=0.005`; `include` and `exclude` select layers for all of them.

    `data` are the samples to calibrate with: an array of them along its first axis, a mapping of such arrays by input, a
    sequence of samples, a function that gives an iterable of them, or the path of a .npy or .npz file. A sample is an array,
    a list of one for each input, or a mapping. Values are real numbers in the form of the model's float input; arrays of an
    integer input's own type are its stored numbers. `eval` is a pair of samples and their classes, for accuracy.
    """
    model = model if isinstance(model, Model) else Model(model)
    if (recipe is None) == (not keywords):
        raise Error(Status.ERR_ARGUMENT, "give a recipe or keywords such as quantize=\"int8\"" if recipe is None
                    else "a recipe says all: %s= cannot go with it" % next(iter(keywords)))
    said = _from_keywords(keywords, include, exclude) if recipe is None else _read_recipe(recipe)
    samples = None if data is None else _Samples(model, data, signature)
    labelled = None if eval is None else _Labelled(model, eval[0], eval[1], 1, signature)
    told, record = _ProgressCall(progress), ErrorRecord()
    options = OptimizeOptions(
        ctypes.sizeof(OptimizeOptions), None if samples is None else ctypes.pointer(samples.record),
        None if labelled is None else ctypes.pointer(labelled.record),
        None if signature is None else signature.encode("utf-8"), threads, measure, told.function, None)
    made, report = ctypes.c_void_p(), ctypes.c_void_p()
    stages = _Recipe(said)
    try:
        status = lib.ln_optimize(model._handle, stages.handle, ctypes.byref(options), ctypes.byref(record),
                                 ctypes.byref(made), ctypes.byref(report))
        _check(status, record, samples, labelled and labelled.samples, told)
        return _optimized(report.value or 0)
    finally:
        lib.ln_optimize_report_destroy(report)
        lib.ln_model_destroy(made)
        stages.close()
