"""Select-TF linear algebra. Signs that a decomposition leaves open are Linnet's: of each eigenvector or right singular
vector the component that is largest in size is positive."""
import numpy as np

from lib import DTYPES, SHORT, flex_case, tensor, tensorflow

F = "flex_linalg"
TOLERANCE = {"f32": {"abs": 1e-5, "rel": 1e-5}, "f64": {"abs": 1e-11, "rel": 1e-11}}


def matrices(shape, type, seed, definite=False, symmetric=False):
    a = np.random.default_rng(seed).uniform(-2, 2, shape)
    if definite:
        a = a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])
    if symmetric:
        a = a + np.swapaxes(a, -1, -2)
    return tensor(None, type, data=a.astype(DTYPES[SHORT[type]]))


def positive(vectors, others=None):
    """Columns turned so that each one's largest component is positive; `others` turn with them."""
    at = np.argmax(np.abs(vectors), -2, keepdims=True)
    signs = np.where(np.take_along_axis(vectors, at, -2) < 0, -1, 1)
    return vectors * signs if others is None else (vectors * signs, others * signs)


def singular(a, full):
    kind = a.dtype
    u, s, vh = np.linalg.svd(a.astype(np.float64), full_matrices=full)
    v, least = np.swapaxes(vh, -1, -2), min(a.shape[-2:])
    # Of a wide matrix the transpose is decomposed, and it is u whose signs are chosen.
    if a.shape[-2] < a.shape[-1]:
        small, large = positive(u[..., :least], v[..., :least])
        v = np.concatenate([large, positive(v[..., least:])], -1) if full else large
        u = small
    else:
        small, large = positive(v[..., :least], u[..., :least])
        u = np.concatenate([large, positive(u[..., least:])], -1) if full else large
        v = small
    return [t.astype(kind) for t in (s, u, v)]


def cases():
    tf = tensorflow()
    for type in ("f32", "f64"):
        t = TOLERANCE[type]
        # Vectors that are not asked for are an empty list, as the shape function says; TensorFlow 2.21 gives a scalar.
        none = np.zeros([0], DTYPES[SHORT[type]])
        definite, plain = matrices([2, 4, 4], type, 1, definite=True), matrices([2, 4, 4], type, 2)
        flex_case(F, f"cholesky_{type}", "Cholesky", {"input": definite}, tolerance=t)
        for adjoint in (False, True):
            flex_case(F, f"matrixinverse_{type}_{adjoint:d}", "MatrixInverse", {"input": plain}, {"adjoint": adjoint}, t)
            flex_case(F, f"matrixsolve_{type}_{adjoint:d}", "MatrixSolve", {"matrix": plain, "rhs": tensor([2, 4, 3], type)}, {"adjoint": adjoint}, t)
            for lower in (False, True):
                name = f"matrixtriangularsolve_{type}_{adjoint:d}{lower:d}"
                attrs = {"adjoint": adjoint, "lower": lower}
                flex_case(F, name, "MatrixTriangularSolve", {"matrix": definite, "rhs": tensor([2, 4, 3], type)}, attrs, t)
                flex_case(F, name + "_broadcast", "MatrixTriangularSolve", {"matrix": definite, "rhs": tensor([4, 1], type)}, attrs, t)
        for op in ("MatrixDeterminant", "LogMatrixDeterminant"):
            for size in (1, 3, 4):
                flex_case(F, f"{op.lower()}_{type}_{size}", op, {"input": matrices([2, size, size], type, 10 + size)}, tolerance=t)
            flex_case(F, f"{op.lower()}_{type}_none", op, {"input": tensor([0, 0], type)}, tolerance=t)
        flex_case(F, f"matrixdeterminant_{type}_singular", "MatrixDeterminant", {"input": tensor(None, type, data=[[1, 2], [2, 4]])}, tolerance=t)
        for index in (tf.int32, tf.int64):
            flex_case(F, f"lu_{type}_{index.name}", "Lu", {"input": plain}, {"output_idx_type": index}, t)
        for shape in ([4, 4], [2, 5, 3], [3, 5]):
            for full in (False, True):
                name = f"{'x'.join(map(str, shape))}_{full:d}"
                a = matrices(shape, type, sum(shape))
                flex_case(F, f"qr_{type}_{name}", "Qr", {"input": a}, {"full_matrices": full}, t)
                if not full or abs(shape[-1] - shape[-2]) < 2:
                    flex_case(F, f"svd_{type}_{name}", "Svd", {"input": a}, {"full_matrices": full, "compute_uv": True}, t, singular(a.data, full))
            flex_case(F, f"svd_{type}_{name}_values", "Svd", {"input": a}, {"compute_uv": False}, t,
                          [singular(a.data, False)[0], none, none])
        flex_case(F, f"svd_{type}_5x4_1", "Svd", {"input": matrices([5, 4], type, 5)}, {"full_matrices": True, "compute_uv": True}, t,
                  singular(matrices([5, 4], type, 5).data, True))
        a = matrices([2, 5, 5], type, 7, symmetric=True)
        values, vectors = np.linalg.eigh(a.data.astype(np.float64))
        flex_case(F, f"selfadjointeigv2_{type}_values", "SelfAdjointEigV2", {"input": a}, {"compute_v": False}, t,
                  [values.astype(a.data.dtype), none])
        flex_case(F, f"selfadjointeigv2_{type}", "SelfAdjointEigV2", {"input": a}, {"compute_v": True}, t,
                  [values.astype(a.data.dtype), positive(vectors).astype(a.data.dtype)])
