"""Element-wise operators of one input."""
from lib import case, tensor


def cases():
    case("unary", "abs_f32", "ABS", inputs=[tensor([2, 3, 5], "float32")], outputs=[tensor(None, "float32")])
    case("unary", "abs_i8", "ABS", inputs=[tensor([3, 17], "int8", scale=0.5, zero_point=3)],
         outputs=[tensor(None, "int8", scale=0.25, zero_point=-10)])
    case("unary", "neg_f32", "NEG", inputs=[tensor([7], "float32")], outputs=[tensor(None, "float32")])
    case("unary", "neg_i32", "NEG", inputs=[tensor([2, 4], "int32")], outputs=[tensor(None, "int32")])
