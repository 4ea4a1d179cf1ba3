from lib import case, tensor

FAMILY = "embedding"


def lookup(name, rows, table, out="float32", resolver="ref"):
    case(FAMILY, name, "EMBEDDING_LOOKUP", inputs=[tensor(data=rows, shape=None, type="int32"), table],
         outputs=[tensor(None, out)], resolver=resolver)


def cases():
    lookup("f32", [3, 0, 3, 1], tensor([4, 5], const=True))
    lookup("f32_three_dimensions", [1, 0], tensor([3, 2, 4], const=True))
    lookup("f32_one_row", [0], tensor([1, 1], const=True))
    lookup("i8_to_f32", [2, 2, 0], tensor([4, 6], "int8", scale=0.25, const=True))
    lookup("u8_to_f32", [2, 1, 0], tensor([4, 6], "uint8", scale=0.25, const=True))
    lookup("i8_rows_to_f32", [2, 1, 0],
           tensor([3, 6], "int8", per_axis=(0, [0.25, 0.5, 1.5], None), const=True))
