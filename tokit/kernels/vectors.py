"""Vectors of the processor's own width, for arithmetic that has to stay in registers.

Numba leaves it to LLVM to find what can be done at once, and for sums over rows in several nested loops it does not;
here it is written down. Sums are taken in a fixed order, so the same machine gives the same bits.
"""

from __future__ import annotations

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from tokit.kernels.memory import cell

# Numbers in a vector: as many as a register holds where 32 registers have 64 bytes, else half as many.
WIDTH = 16 if binding.get_host_cpu_features().get("avx512f") else 8
_LANES = ir.VectorType(ir.FloatType(), WIDTH)
_NUMBER = ir.IntType(32)


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
def spread(typing_context, number):
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
