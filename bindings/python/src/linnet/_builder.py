"""Models from scratch: layers with Keras's names, one call each, or a specification as docs/builder.md says."""
from __future__ import annotations

import ctypes
import json
import os
import weakref
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ._library import BuilderOptions, Error, LayerSetting, Status, Type, call, lib, text
from ._model import Model

Spec = Union[Mapping[str, Any], str, "os.PathLike[str]"]

_TYPES = {"float32": Type.FLOAT32, "int32": Type.INT32, "int64": Type.INT64}
_LAYER_KEYS = ("layer", "name", "from", "when")
_BLOCK_KEYS = ("block", "name", "from", "when", "repeat")
_DEEPEST = 8  # blocks in blocks


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_setting(each) for each in value)
    return repr(value) if isinstance(value, float) else str(value)


class Builder:
    """Adds layer after layer; `make` gives the model. After an error it can only be dropped.

    `unfolded` is for models that are to be trained: normalizations and dropouts stay what training must see. Of a head for
    a `backbone` the first input, "features", takes what that gives first.
    """

    def __init__(self, seed: int = 1, batch: int = 0, unfolded: bool = False, backbone: Optional[Model] = None) -> None:
        options = BuilderOptions(ctypes.sizeof(BuilderOptions), seed, batch, 0, unfolded,
                                 None if backbone is None else backbone._handle)
        self._handle = call(lib.ln_builder_create, ctypes.byref(options), out=True)
        self._finalizer = weakref.finalize(self, lib.ln_builder_destroy, self._handle)

    def input(self, shape: Sequence[int], name: Optional[str] = None, type: str = "float32") -> "Builder":
        """An input; `shape` is without the batch."""
        if type not in _TYPES:
            raise Error(Status.ERR_ARGUMENT, "type: float32, int32 or int64 is wanted")
        dims = (ctypes.c_int32 * max(len(shape), 1))(*[int(dim) for dim in shape])
        call(lib.ln_builder_input, self._handle, None if name is None else name.encode("utf-8"), _TYPES[type], len(shape),
             dims)
        return self

    def layer(self, kind: str, name: Optional[str] = None, inputs: Sequence[str] = (), **settings: Any) -> "Builder":
        """A layer, which takes the outputs of `inputs`; without them that of the last one added."""
        sources = (ctypes.c_char_p * max(len(inputs), 1))(*[each.encode("utf-8") for each in inputs])
        given = (LayerSetting * max(len(settings), 1))(
            *[LayerSetting(key.encode("utf-8"), _setting(value).encode("utf-8")) for key, value in settings.items()])
        call(lib.ln_builder_layer, self._handle, kind.encode("utf-8"), None if name is None else name.encode("utf-8"),
             sources, len(inputs), given, len(settings))
        return self

    def output(self, layer: str) -> "Builder":
        """Makes a layer's output one of the model's; without a call the last layer's is the only one."""
        call(lib.ln_builder_output, self._handle, layer.encode("utf-8"))
        return self

    @property
    def last(self) -> str:
        return text(lib.ln_builder_last(self._handle))

    def has(self, name: str) -> bool:
        return bool(lib.ln_builder_has(self._handle, name.encode("utf-8")))

    def make(self) -> Model:
        return Model._of(call(lib.ln_builder_make, self._handle, out=True))


# ---- specifications ----


class _Scope:
    """A block that is being made; the outermost scope has neither block nor input."""

    def __init__(self, outer: Optional["_Scope"] = None, block: Optional[Mapping[str, Any]] = None,
                 call: Mapping[str, Any] = {}, prefix: str = "", input: str = "") -> None:
        self.outer, self.block, self.call, self.prefix, self.input = outer, block, call, prefix, input
        self.depth: int = 0 if outer is None else outer.depth + 1


def _wrong(place: str, what: str) -> Error:
    return Error(Status.ERR_FORMAT, "%s: %s" % (place, what) if place else what)


def _keys(place: str, given: Any, allowed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise _wrong(place, "an object is wanted")
    for key in given:
        if key not in allowed:
            raise _wrong(place, "no key %r: there are %s" % (key, ", ".join(allowed)))
    return given


class _Reader:
    def __init__(self, spec: Mapping[str, Any], seed: int, batch: int, unfolded: bool, backbone: Optional[Model]) -> None:
        _keys("", spec, ("$schema", "description", "batch", "input", "inputs", "blocks", "layers", "outputs"))
        self.spec = spec
        self.blocks: Mapping[str, Any] = spec.get("blocks", {})
        self.aliases: Dict[str, str] = {}  # a block's name: the name of its last layer
        self.builder = Builder(seed, batch or spec.get("batch", 0), unfolded, backbone)
        self.is_head = backbone is not None

    def read(self) -> Model:
        inputs = [] if self.is_head else self.spec.get("inputs", [self.spec.get("input")])
        if self.is_head and ("input" in self.spec or "inputs" in self.spec):
            raise _wrong("", "a head takes what its backbone gives")
        if not self.is_head and ("input" in self.spec) == ("inputs" in self.spec):
            raise _wrong("", 'either "input" or "inputs" is wanted')
        for i, each in enumerate(inputs):
            place = "inputs[%d]" % i if "inputs" in self.spec else "input"
            _keys(place, each, ("name", "shape", "type"))
            if not isinstance(each.get("shape"), Sequence):
                raise _wrong(place + ".shape", "a list of dimensions without the batch is wanted")
            self._say(place, self.builder.input, each["shape"], each.get("name"), each.get("type", "float32"))
        if not isinstance(self.spec.get("layers"), Sequence):
            raise _wrong("layers", "a list of layers is wanted")
        outermost = _Scope()
        self._layers(outermost, self.spec["layers"], "")
        for i, name in enumerate(self.spec.get("outputs", [])):
            self._say("outputs[%d]" % i, self.builder.output, self._resolve(outermost, name))
        return self.builder.make()

    @staticmethod
    def _say(place: str, function: Any, *words: Any, **settings: Any) -> None:
        try:
            function(*words, **settings)
        except Error as error:
            raise Error(error.status, "%s: %s" % (place, error)) from None

    def _value(self, scope: Optional[_Scope], value: Any, place: str) -> Any:
        """`"$name"` is a parameter of the block that is being made."""
        while isinstance(value, str) and value.startswith("$"):
            name = value[1:]
            parameters = {} if scope is None or scope.block is None else scope.block.get("parameters", {})
            if scope is None or scope.block is None or (name not in scope.call and name not in parameters):
                raise _wrong(place, 'there is no parameter "%s" here' % name)
            if name not in scope.call:
                return parameters[name]
            value, scope = scope.call[name], scope.outer
        return value

    def _resolve(self, scope: _Scope, name: str) -> str:
        if scope.block is not None and name == "input":
            return scope.input
        at: Optional[_Scope] = scope
        while at is not None:
            whole = at.prefix + name
            if self.builder.has(whole):
                return whole
            if whole in self.aliases:
                return self.aliases[whole]
            at = at.outer
        return name

    def _from(self, scope: _Scope, layer: Mapping[str, Any], first: bool, place: str) -> List[str]:
        if "from" not in layer:
            return [scope.input] if first and scope.block is not None else []
        given = self._value(scope, layer["from"], place + ".from")
        names = [self._value(scope, each, place + ".from") for each in ([given] if isinstance(given, str) else given)]
        if not names or not all(isinstance(each, str) for each in names):
            raise _wrong(place + ".from", "the name of a layer or a list of them is wanted")
        return [self._resolve(scope, each) for each in names]

    def _kept(self, scope: _Scope, layers: Any, base: str) -> Iterator[Tuple[str, Mapping[str, Any]]]:
        """Layers that `when` does not leave out, with their places."""
        for i, layer in enumerate(layers):
            place = "%slayers[%d]" % (base, i)
            if not isinstance(layer, Mapping):
                raise _wrong(place, "an object is wanted")
            when = self._value(scope, layer.get("when", True), place + ".when")
            if not isinstance(when, bool):
                raise _wrong(place + ".when", "true or false is wanted")
            if when:
                yield place, layer

    def _layers(self, scope: _Scope, layers: Any, base: str) -> None:
        first = True
        for place, layer in self._kept(scope, layers, base):
            (self._block if "block" in layer else self._layer)(scope, layer, first, place)
            first = False
        if first:
            raise _wrong(base + "layers", "there is no layer")

    def _layer(self, scope: _Scope, layer: Mapping[str, Any], first: bool, place: str) -> None:
        if not isinstance(layer.get("layer"), str):
            raise _wrong(place + ".layer", "the name of a layer is wanted")
        name = scope.prefix + layer.get("name", "")
        inputs = self._from(scope, layer, first, place)
        settings = {key: self._value(scope, value, "%s.%s" % (place, key))
                    for key, value in layer.items() if key not in _LAYER_KEYS}
        self._say(place, self.builder.layer, layer["layer"], name or None, inputs, **settings)

    def _block_of(self, layer: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        block = self.blocks.get(layer["block"])
        if block is None:
            raise _wrong(place + ".block", 'there is no such block in "blocks"')
        _keys("blocks." + layer["block"], block, ("description", "parameters", "layers"))
        parameters = block.get("parameters", {})
        _keys(place, layer, (*_BLOCK_KEYS, *parameters))
        for key, value in parameters.items():
            if value is None and key not in layer:
                raise _wrong("%s.%s" % (place, key), "is wanted")
        return block

    def _block_name(self, scope: _Scope, layer: Mapping[str, Any]) -> str:
        """The name given, else the block's, numbered where there is one so called."""
        name = wanted = scope.prefix + layer.get("name", layer["block"])
        number = 0
        while "name" not in layer and name in self.aliases:
            number += 1
            name = "%s_%d" % (wanted, number)
        return name

    def _block(self, scope: _Scope, layer: Mapping[str, Any], first: bool, place: str) -> None:
        block = self._block_of(layer, place)
        times = self._value(scope, layer.get("repeat", 1), place + ".repeat")
        if not isinstance(times, int) or not 1 <= times <= 1000:
            raise _wrong(place + ".repeat", "a whole number from 1 to 1000 is wanted")
        name = self._block_name(scope, layer)
        inputs = self._from(scope, layer, first, place)
        if len(inputs) > 1:
            raise _wrong(place + ".from", "a block takes one layer")
        source = inputs[0] if inputs else self.builder.last
        for i in range(times):
            numbered = "%s_%d" % (name, i) if times > 1 else name
            inner = _Scope(scope, block, layer, numbered + "/", source)
            if numbered in self.aliases:
                raise _wrong(place + ".name", "there is such a block already")
            if inner.depth > _DEEPEST:
                raise _wrong(place + ".block", "blocks stand too deep in one another")
            self._layers(inner, block.get("layers", []), "%s.blocks.%s." % (place, layer["block"]))
            source = self.aliases[numbered] = self.builder.last
        self.aliases[name] = source


def build(spec: Spec, *, seed: int = 1, batch: int = 0, unfolded: bool = False, backbone: Optional[Model] = None) -> Model:
    """The model that a specification (docs/builder.md) describes: a mapping, or the path of a JSON file.

    Its weights are drawn from `seed`. `batch` fixes the first dimension of inputs. For what `unfolded` and `backbone` are, see `Builder`;
    `train` builds so by itself.
    """
    if not isinstance(spec, Mapping):
        with open(spec, encoding="utf-8") as file:
            spec = json.load(file)
    return _Reader(spec, seed, batch, unfolded, backbone).read()  # type: ignore[arg-type]
