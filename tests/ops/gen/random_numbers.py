"""RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL, MULTINOMIAL: LiteRT's numbers for the same seeds."""
from lib import case, tensor

F = "random_numbers"
SEEDS = ((1, 2), (7, 0), (0, 9), (-5, (1 << 40) + 3))


def cases():
    for op in ("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"):
        name = op.lower()[7:]
        for n, (seed, seed2) in enumerate(SEEDS):
            for shape in ([3, 5], [8], [1]):
                for runs in (1, 3):
                    case(F, f"{name}_{n}_{len(shape)}_{shape[0]}_runs{runs}", op, {"seed": seed, "seed2": seed2},
                         [tensor(None, "i32", data=shape, const=True)], [tensor(None)], invocations=runs)
        case(F, f"{name}_late", op, {"seed": 3, "seed2": 4}, [tensor(None, "i32", data=[2, 5])],
             [tensor([2, 5], signature=[-1, -1])], invocations=2)
    for type in ("i32", "i64"):
        for n, (seed, seed2) in enumerate(SEEDS):
            for batches, samples in ((1, 6), (3, 5), (2, 1)):
                for runs in (1, 2):
                    case(F, f"multinomial_{type}_{n}_{batches}x{samples}_runs{runs}", "MULTINOMIAL",
                         {"seed": seed, "seed2": seed2},
                         [tensor([batches, 20]), tensor([], "i32", data=samples, const=True)], [tensor(None, type)],
                         invocations=runs)
    inf = float("inf")
    case(F, "multinomial_infinite", "MULTINOMIAL", {"seed": 5, "seed2": 6},
         [tensor(None, data=[[inf, 1, 2, -inf, 0, float("nan")]]), tensor([], "i32", data=40, const=True)], [tensor(None, "i32")])
    case(F, "multinomial_late", "MULTINOMIAL", {"seed": 5, "seed2": 6},
         [tensor([2, 9]), tensor([], "i32", data=7)], [tensor([2, 7], "i32", signature=[2, -1])], invocations=2)
