"""Training: a model learns from samples."""
from __future__ import annotations

import ctypes
import os
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._arrays import _flat, take_in
from ._builder import build
from ._library import (Error, ErrorRecord, Status, TrainableOptions, TrainData, TrainEventRecord, TrainFunction, TrainOption,
                       Type, call, lib, text)
from ._model import Model
from ._optimize import ModelLike, Parameter, _check, _load, _number, _parameter, _Samples, _value_text

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

Data = Tuple[Any, Any]  # samples, and what is to be learned of each


# ---- what can be chosen ----


def train_options() -> Dict[str, Parameter]:
    """Every option of `train` and `Trainer`, by its name."""
    out: Dict[str, Parameter] = {}
    option = TrainOption(size=ctypes.sizeof(TrainOption))
    index = 0
    while lib.ln_train_option_get(index, ctypes.byref(option)) == Status.OK:
        parameter = _parameter(option.parameter[0])
        out.setdefault(parameter.name, parameter)
        index += 1
    return out


def train_choices(kind: str) -> Dict[str, str]:
    """What there is of a "loss", "optimizer", "schedule", "metric", "form" or "augment", by name, with a description."""
    out: Dict[str, str] = {}
    what = ctypes.c_char_p()
    while True:
        name = lib.ln_train_choice(kind.encode("utf-8"), len(out), ctypes.byref(what))
        if name is None:
            return out
        out[text(name)] = text(what.value)


def _option_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(_value_text(each) for each in value)
    return _value_text(value)


# ---- data ----


class _Targets:
    """Classes (integers) or values (floats) of each sample, and what samples weigh, as the library takes them."""

    def __init__(self, given: Any, count: int) -> None:
        if isinstance(given, (str, os.PathLike)):
            given = _load(given)
        if numpy is not None:
            array = numpy.asarray(given)
            self.classes = array.dtype.kind in "iub"
            shape = array.shape
            wanted = numpy.ascontiguousarray(array, numpy.int32 if self.classes else numpy.float32)
            if self.classes and not (wanted == array).all():
                raise Error(Status.ERR_DATA, "labels are classes, numbered from 0: there is %s" % array.max())
        else:
            values: List[Any] = []
            dims: List[int] = []
            _flat(given.tolist() if hasattr(given, "tolist") else list(given), dims, 0, values)
            self.classes = all(isinstance(each, int) for each in values)
            shape = tuple(dims)
            wanted = values
        if len(shape) == 0 or shape[0] != count:
            raise Error(Status.ERR_SHAPE, "%d labels for %d samples" % (shape[0] if shape else 1, count))
        self.each = 1
        for dim in shape[1:]:
            self.each *= dim
        self._kept = take_in(Type.INT32 if self.classes else Type.FLOAT32, wanted)
        self.pointer = self._kept.pointer


class _TrainData:
    def __init__(self, model: Model, data: Any, labels: Any, weights: Any = None) -> None:
        self.samples = _Samples(model, data, None)
        count = self.samples.record.count
        self.record = TrainData(size=ctypes.sizeof(TrainData), samples=ctypes.pointer(self.samples.record))
        self._targets = None if labels is None else _Targets(labels, count)
        if self._targets is not None and self._targets.classes:
            self.record.labels = ctypes.cast(self._targets.pointer, ctypes.POINTER(ctypes.c_int32))
            self.record.label_count = self._targets.each
        elif self._targets is not None:
            self.record.targets = self._targets.pointer
            self.record.target_count = self._targets.each
        if weights is not None:
            values = [float(each) for each in weights]
            if len(values) != count:
                raise Error(Status.ERR_SHAPE, "%d weights for %d samples" % (len(values), count))
            self._weights = (ctypes.c_float * count)(*values)
            self.record.weights = ctypes.addressof(self._weights)

    @property
    def problem(self) -> Optional[BaseException]:
        return self.samples.problem


# ---- training ----


@dataclass(frozen=True)
class TrainEvent:
    """What a callback is told after each step, and, with metrics, after each epoch."""

    step: int  # done
    steps: int  # of all
    epoch: int  # whole ones done
    epochs: int
    samples: int  # trained on since the beginning of the call
    seconds: float  # since then
    loss: float  # mean since the epoch's beginning
    learning_rate: float
    validation_loss: Optional[float]  # at an epoch's end
    metrics: Dict[str, float]  # at an epoch's end: {"accuracy": ..., "validation_accuracy": ...}
    epoch_ended: bool
    confusion: Optional[List[List[int]]] = None  # after an epoch, of the metric "confusion-matrix": rows are what samples are


def _confusion(record: TrainEventRecord) -> Optional[List[List[int]]]:
    if not record.confusion:
        return None
    count = record.class_count
    counts = ctypes.cast(record.confusion, ctypes.POINTER(ctypes.c_int64))
    return [[counts[i * count + k] for k in range(count)] for i in range(count)]


def _metrics(record: TrainEventRecord) -> Dict[str, float]:
    values = ctypes.cast(record.metrics, ctypes.POINTER(ctypes.c_double))
    return {text(record.metric_names[i]): values[i] for i in range(record.metric_count)}


def _event(record: TrainEventRecord) -> TrainEvent:
    return TrainEvent(record.step, record.steps, record.epoch, record.epochs, record.samples, record.seconds, record.loss,
                      record.rate, _number(record.validation_loss), _metrics(record), record.epoch_ended,
                      _confusion(record))


Callback = Callable[[TrainEvent], Any]  # False ends training after the step, as if it had been the last


class _Told:
    """The callback of a run: keeps the history, and calls the caller's own."""

    def __init__(self, history: List[Dict[str, Any]], callback: Optional[Callback]) -> None:
        self.problem: Optional[BaseException] = None
        self._history, self._callback = history, callback
        self.function = TrainFunction(self._tell)

    def _tell(self, _user: Any, record: Any) -> bool:
        try:
            ended = record.contents.epoch_ended
            if not ended and self._callback is None:
                return True
            event = _event(record.contents)
            if ended:
                self._history.append({"epoch": event.epoch, "step": event.step, "loss": event.loss,
                                      "validation_loss": event.validation_loss, "learning_rate": event.learning_rate,
                                      "seconds": event.seconds, **event.metrics})
            return self._callback is None or self._callback(event) is not False
        except BaseException as problem:
            self.problem = problem
            return False


class Trainer:
    """Trains a model on samples; it belongs to one thread at a time.

    `model` is a model, or what to build one of (a specification as a mapping, or the path of its .json file). `data` are
    samples as `optimize` takes them; `labels` are the class of each (integers), or the values that the model's output is
    to become (floats). `validation` is a pair of both, on which loss and metrics are measured after each epoch. `weights`
    say what each sample counts, `teacher` is a model whose outputs are learned from, too. Options have the names of
    `linnet train --list`, as `train_options()` gives them; a list stands for names or numbers with commas between.
    """

    def __init__(self, model: Union[ModelLike, Mapping[str, Any]], data: Any, labels: Any = None,
                 validation: Optional[Data] = None, *, weights: Any = None, teacher: Optional[ModelLike] = None,
                 **options: Any) -> None:
        self.model = _open(model, options.get("seed"))
        self.history: List[Dict[str, Any]] = []  # a row an epoch
        self._data = _TrainData(self.model, data, labels, weights)
        self._validation = None if validation is None else _TrainData(self.model, *validation)
        self._teacher = teacher if teacher is None or isinstance(teacher, Model) else Model(teacher)
        self._handle = call(lib.ln_trainer_create, self.model._handle, out=True)
        # Made after the models' finalizers and holding what the trainer reads: the trainer always goes first.
        self._finalizer = weakref.finalize(self, _destroy, self._handle, self.model, self._teacher, self._data,
                                           self._validation)
        call(lib.ln_trainer_set_data, self._handle, ctypes.byref(self._data.record),
             None if self._validation is None else ctypes.byref(self._validation.record))
        if self._teacher is not None:
            call(lib.ln_trainer_set_teacher, self._handle, self._teacher._handle)
        self.set(**options)

    def set(self, **options: Any) -> "Trainer":
        """Options by name, before the first step; None leaves one as it is."""
        for name, value in options.items():
            if value is not None:
                call(lib.ln_trainer_set, self._handle, name.encode("utf-8"), _option_text(value).encode("utf-8"))
        return self

    def _call(self, function: Any, *arguments: Any, tail: Tuple[Any, ...] = (), callbacks: Tuple[Any, ...] = ()) -> None:
        record = ErrorRecord()
        status = function(self._handle, *arguments, ctypes.byref(record), *tail)
        _check(status, record, *callbacks, self._data, self._validation)

    def run(self, callback: Optional[Callback] = None) -> List[Dict[str, Any]]:
        """All epochs that are left; the history, a row an epoch. `callback` is told of every step."""
        told = _Told(self.history, callback)
        self._call(lib.ln_trainer_run, told.function, None, callbacks=(told,))
        return self.history

    def step(self, samples: Sequence[int]) -> float:
        """One step on samples by their numbers, for loops of one's own; the mean loss."""
        numbers = (ctypes.c_int64 * max(len(samples), 1))(*[int(each) for each in samples])
        loss = ctypes.c_double()
        self._call(lib.ln_trainer_step, numbers, len(samples), tail=(ctypes.byref(loss),))
        return loss.value

    def evaluate(self, data: Any, labels: Any) -> Dict[str, float]:
        """Loss and metrics, by name, of the model as it is."""
        given = _TrainData(self.model, data, labels)
        out = TrainEventRecord(size=ctypes.sizeof(TrainEventRecord))
        self._call(lib.ln_trainer_evaluate, ctypes.byref(given.record), tail=(ctypes.byref(out),), callbacks=(given,))
        return {"loss": out.loss, **_metrics(out)}

    def make(self) -> Model:
        """What was trained so far, as a model of its own."""
        made = ctypes.c_void_p()
        self._call(lib.ln_trainer_make, tail=(ctypes.byref(made),))
        return Model._of(made.value or 0)

    def make_trainable(self, *, batch: Optional[int] = None, checkpoints: str = "flex") -> Model:
        """The same with training inside: see `trainable`. Its steps go on from those that were taken here."""
        return _make_trainable(self._handle, batch, checkpoints)

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """The training's state as a file, written beside and moved into place."""
        self._call(lib.ln_trainer_save, os.fsencode(path))

    def restore(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Goes on where `save` was called, of a trainer of the same model, data and options: exactly."""
        self._call(lib.ln_trainer_restore, os.fsencode(path))


def _make_trainable(handle: Any, batch: Optional[int], checkpoints: str) -> Model:
    options = TrainableOptions(ctypes.sizeof(TrainableOptions), 0 if batch is None else int(batch), checkpoints.encode("utf-8"))
    made = call(lib.ln_trainable_make, handle, ctypes.byref(options), out=True)
    return Model._of(getattr(made, "value", made) or 0)


def trainable(model: Union[ModelLike, Mapping[str, Any]], *, batch: Optional[int] = None, checkpoints: str = "flex",
              **options: Any) -> Model:
    """The model with training inside, as `linnet trainable` makes it: signatures `train`, `eval`, `infer`, `save` and
    `restore`, which sessions that share (`Model.session`) and stock LiteRT run.

    `batch` samples make a step, any number where it is None and the model allows that. `checkpoints` are "flex" (files),
    "arrays" (every variable as a tensor) or "none"; other options are those of `train` that signatures can hold.
    """
    source = _open(model, options.get("seed"), unfolded=False)
    handle = call(lib.ln_trainer_create, source._handle, out=True)
    try:
        for name, value in options.items():
            if value is not None:
                call(lib.ln_trainer_set, handle, name.encode("utf-8"), _option_text(value).encode("utf-8"))
        return _make_trainable(handle, batch, checkpoints)
    finally:
        lib.ln_trainer_destroy(handle)


def _destroy(handle: int, *needed: Any) -> None:
    lib.ln_trainer_destroy(handle)


def _open(model: Union[ModelLike, Mapping[str, Any]], seed: Optional[int], unfolded: bool = True) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, Mapping) or (isinstance(model, (str, os.PathLike)) and os.fspath(model).endswith(".json")):
        return build(model, seed=1 if seed is None else int(seed), unfolded=unfolded)
    return Model(model)


@dataclass(frozen=True)
class Trained:
    """A trained model, and how it went: a row an epoch, as `linnet train --json` prints them."""

    model: Model
    history: List[Dict[str, Any]]

    @property
    def bytes(self) -> bytes:
        return self.model.bytes

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        self.model.save(path)


def train(model: Union[ModelLike, Mapping[str, Any]], data: Any, labels: Any = None, validation: Optional[Data] = None, *,
          weights: Any = None, teacher: Optional[ModelLike] = None, callback: Optional[Callback] = None,
          **options: Any) -> Trained:
    """Trains a model on samples; the model given stays as it is. Arguments are those of `Trainer`, and `callback` of its
    `run`:

        linnet.train("cnn.json", x, y, (test_x, test_y), optimizer="adam", learning_rate=0.001, epochs=6, qat="int8")
    """
    trainer = Trainer(model, data, labels, validation, weights=weights, teacher=teacher, **options)
    history = trainer.run(callback)
    return Trained(trainer.make(), history)
