"""Vectors of the processor's own width, for arithmetic that has to stay in registers.

Numba leaves it to LLVM to find what can be done at once, and for sums over rows in several nested loops it does not;
here it is written down. Sums are taken in a fixed order, so the same machine gives the same bits.
"""

from __future__ import annotations

import math

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from tokit.kernels.compiled.intrinsics import cell

# Numbers in a vector: as many as a register holds where 32 registers have 64 bytes, else half as many.
WIDTH = 16 if binding.get_host_cpu_features().get("avx512f") else 8
_LANES = ir.VectorType(ir.FloatType(), WIDTH)
_NUMBER = ir.IntType(32)
# Beyond this a sigmoid in float32 is 0 or 1; terms of the series of 2**f, which leave out less than 2e-7 of it; and
# what takes the fraction off a float32 that is not too large.
_STEEPEST, _TERMS, _NO_FRACTION, _FRACTION_BITS = 30.0, 6, 1.5 * 2**23, 23


class Lanes(types.Type):
    """Numba's type of WIDTH float32 at once."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes{WIDTH}")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _LANES)


def _address(builder, context, signature, arguments):
    return builder.bitcast(cell(builder, context, signature, arguments), ir.PointerType(_LANES))


@intrinsic
def load(typing_context, array, offset):
    """WIDTH numbers of an array of float32 from `offset` on."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_address(builder, context, signature, arguments), align=4, typ=_LANES)

    return lanes(array, types.int64), codegen


@intrinsic
def store(typing_context, array, offset, value):
    """Write them over the elements of an array from `offset` on."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _address(builder, context, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, lanes), codegen


@intrinsic
def zero(typing_context):
    """Zeros."""

    def codegen(context, builder, signature, arguments):
        return ir.Constant(_LANES, [0.0] * WIDTH)

    return lanes(), codegen


@intrinsic
def broadcast(typing_context, number):
    """A number in every place."""

    def codegen(context, builder, signature, arguments):
        nothing = ir.Constant(_LANES, ir.Undefined)
        first = builder.insert_element(nothing, arguments[0], ir.Constant(_NUMBER, 0))
        return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_NUMBER, WIDTH), [0] * WIDTH))

    return lanes(types.float32), codegen


@intrinsic
def plus(typing_context, left, right):
    """Sums, place by place."""

    def codegen(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return lanes(lanes, lanes), codegen


@intrinsic
def times_plus(typing_context, left, right, more):
    """left * right + more, place by place, rounded once."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(_LANES, [_LANES] * 3)
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32"), list(arguments)
        )

    return lanes(lanes, lanes, lanes), codegen


@intrinsic
def times(typing_context, left, right):
    """Products, place by place."""

    def codegen(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return lanes(lanes, lanes), codegen


@intrinsic
def by_root(typing_context, value, square):
    """value / sqrt(square), place by place, to about 23 bits: a step of Newton's instead of two slow instructions."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(_LANES, [_LANES])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{WIDTH}f32")
        root = builder.call(function, [arguments[1]], fastmath=("fast",))
        return builder.fdiv(arguments[0], root, flags=("fast",))

    return lanes(lanes, lanes), codegen


@intrinsic
def minus(typing_context, left, right):
    """Differences, place by place."""

    def codegen(context, builder, signature, arguments):
        return builder.fsub(*arguments)

    return lanes(lanes, lanes), codegen


@intrinsic
def sigmoid(typing_context, value):
    """1 / (1 + exp(-value)), place by place, to about 22 bits.

    exp(-x) is 2**n * 2**f with f within a half of zero: a power series for the one, the exponent's bits for the other.
    """

    def codegen(context, builder, signature, arguments):
        def every(number):
            return ir.Constant(_LANES, [number] * WIDTH)

        kind = ir.FunctionType(_LANES, [_LANES] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32")
        whole = ir.VectorType(_NUMBER, WIDTH)
        value = arguments[0]
        for bound, beyond in ((_STEEPEST, ">"), (-_STEEPEST, "<")):
            value = builder.select(builder.fcmp_ordered(beyond, value, every(bound)), every(bound), value)
        # Adding so much leaves no place for a fraction; what is left of it in the low bits is the whole number.
        rounded = builder.call(fma, [value, every(-math.log2(math.e)), every(_NO_FRACTION)])
        n = builder.fsub(rounded, every(_NO_FRACTION))
        f = builder.call(fma, [value, every(-math.log2(math.e)), builder.fneg(n)])
        power = every(math.log(2) ** _TERMS / math.factorial(_TERMS))
        for term in reversed(range(_TERMS)):
            power = builder.call(fma, [power, f, every(math.log(2) ** term / math.factorial(term))])
        exponent = builder.shl(builder.bitcast(rounded, whole), ir.Constant(whole, [_FRACTION_BITS] * WIDTH))
        exp = builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), _LANES)
        return builder.fdiv(every(1.0), builder.fadd(every(1.0), exp))

    return lanes(lanes), codegen


@intrinsic
def store_totals(typing_context, array, offset, a, b, c, d, e, f):
    """Write the sums over all places of six values, and two zeros, over eight elements of an array from `offset` on."""

    def codegen(context, builder, signature, arguments):
        def part(left, right, places):
            return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_NUMBER, 8), places))

        values = list(arguments[2:])
        if WIDTH == 16:
            values = [builder.fadd(part(v, v, list(range(8))), part(v, v, list(range(8, 16)))) for v in values]
        eight = ir.VectorType(ir.FloatType(), 8)
        values += [ir.Constant(eight, [0.0] * 8)] * 2
        # Neighboring places, then neighboring pairs, then halves: sums of two values come to lie in one.
        for low, high in (
            ([0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]),
            ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]),
            ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]),
        ):
            values = [
                builder.fadd(part(values[i], values[i + 1], low), part(values[i], values[i + 1], high))
                for i in range(0, len(values), 2)
            ]
        first = cell(builder, context, signature, arguments)
        builder.store(values[0], builder.bitcast(first, ir.PointerType(eight)), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, *[lanes] * 6), codegen


@intrinsic
def total(typing_context, value):
    """The sum over all places: halves are added to halves."""

    def codegen(context, builder, signature, arguments):
        value, size = arguments[0], WIDTH
        while size > 1:
            size //= 2
            low, high = (
                builder.shuffle_vector(
                    value, value, ir.Constant(ir.VectorType(_NUMBER, size), list(range(start, start + size)))
                )
                for start in (0, size)
            )
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(_NUMBER, 0))

    return types.float32(lanes), codegen
