"""LLVM intrinsics of the kernels, and their calling convention.

An entry has one argument, the address of pairs of int64: (address, length) for an array, (value, 0) for a number.
Machine code of such a function can be loaded without Numba, which takes longer to import than most commands run.
Nothing checks bounds here: a caller passes arrays that are long enough, and each contract states what that is.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

# Nothing here allocates or raises: without counting of references the code is smaller, and needs no Numba.
# They are called by entries only, so nothing is compiled that would let Python call them.
_OPTIONS = {"error_model": "numpy", "nogil": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jit = njit(**_OPTIONS)
inlined = njit(**_OPTIONS, forceinline=True)
argument = njit(inline="always", _nrt=False)
# Numbers of a cache line, float32.
_LINE = 16


def _view_of(element: Any, bits: int) -> Any:
    """An intrinsic that makes an array of an address and a length."""
    array_type = types.Array(element, 1, "C")
    held = ir.FloatType() if element in types.real_domain else ir.IntType(bits)

    @intrinsic
    def view(typing_context, address, length):
        def codegen(context, builder, signature, arguments):
            array = arrayobj.make_array(array_type)(context, builder)
            size = context.get_constant(types.intp, bits // 8)
            arrayobj.populate_array(
                array,
                data=builder.inttoptr(arguments[0], ir.PointerType(held)),
                shape=[arguments[1]],
                strides=[size],
                itemsize=size,
                meminfo=None,
            )
            return array._getvalue()

        return array_type(types.int64, types.int64), codegen

    return view


_u8_view = _view_of(types.uint8, 8)
_u16_view = _view_of(types.uint16, 16)
_i32_view = _view_of(types.int32, 32)
_u32_view = _view_of(types.uint32, 32)
_i64_view = _view_of(types.int64, 64)
_u64_view = _view_of(types.uint64, 64)
_f32_view = _view_of(types.float32, 32)


@argument
def u8(arguments, k):
    """Argument `k` as an array of bytes."""
    return _u8_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def u16(arguments, k):
    """Argument `k` as an array of uint16."""
    return _u16_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def i32(arguments, k):
    """Argument `k` as an array of int32."""
    return _i32_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def u32(arguments, k):
    """Argument `k` as an array of uint32."""
    return _u32_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def i64(arguments, k):
    """Argument `k` as an array of int64."""
    return _i64_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def u64(arguments, k):
    """Argument `k` as an array of uint64."""
    return _u64_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def f32(arguments, k):
    """Argument `k` as an array of float32."""
    return _f32_view(arguments[2 * k], arguments[2 * k + 1])


@argument
def number(arguments, k):
    """Argument `k` as an int64."""
    return arguments[2 * k]


def cell(builder, context, signature, arguments):
    """The address of an element of an array, the first two arguments being the array and an offset."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    element = context.get_data_type(signature.args[0].dtype)
    return builder.gep(data, [arguments[1]], source_etype=element)


@intrinsic
def load64(typing_context, array, offset):
    """Eight bytes of a byte array from `offset` on, little-endian; seven bytes past the offset must be there."""

    def codegen(context, builder, signature, arguments):
        array_type = signature.args[0]
        data = context.make_array(array_type)(context, builder, arguments[0]).data
        address = builder.gep(data, [arguments[1]], source_etype=ir.IntType(8))
        word = builder.bitcast(address, ir.PointerType(ir.IntType(64)))
        return builder.load(word, align=1, typ=ir.IntType(64))

    return types.uint64(array, types.int64), codegen


@intrinsic
def store64(typing_context, array, offset, value):
    """Write eight bytes, little-endian, over the elements of an array from `offset` on."""

    def codegen(context, builder, signature, arguments):
        address = cell(builder, context, signature, arguments)
        builder.store(arguments[2], builder.bitcast(address, ir.PointerType(ir.IntType(64))), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), codegen


@intrinsic
def prefetch(typing_context, array, index):
    """Prefetch the cache line of an element."""

    def codegen(context, builder, signature, arguments):
        array_type = signature.args[0]
        data = context.make_array(array_type)(context, builder, arguments[0]).data
        element = ir.IntType(context.get_abi_sizeof(context.get_data_type(array_type.dtype)) * 8)
        address = builder.gep(data, [arguments[1]], source_etype=element)
        byte_pointer, number = ir.PointerType(ir.IntType(8)), ir.IntType(32)
        signature_type = ir.FunctionType(ir.VoidType(), [byte_pointer, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, signature_type, "llvm.prefetch.p0")
        # For writing, into the nearest cache, of data.
        settings = [ir.Constant(number, value) for value in (1, 3, 1)]
        builder.call(function, [builder.bitcast(address, byte_pointer), *settings])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@inlined
def prefetch_row(table, row, length):
    """Prefetch all cache lines of a row of `length` float32."""
    for k in range(0, length, _LINE):
        prefetch(table, row * length + k)


@intrinsic
def claim(typing_context, array, index, value):
    """Replace a zero by a value, unless another thread was faster; returns whether it did."""

    def codegen(context, builder, signature, arguments):
        address = cell(builder, context, signature, arguments)
        zero = ir.Constant(arguments[2].type, 0)
        return builder.extract_value(builder.cmpxchg(address, zero, arguments[2], "acq_rel", "acquire"), 1)

    return types.boolean(array, types.uint64, array.dtype), codegen


@intrinsic
def publish(typing_context, array, index, value):
    """Store a value; a thread that sees it also sees all that was stored before."""

    def codegen(context, builder, signature, arguments):
        address = cell(builder, context, signature, arguments)
        builder.store_atomic(arguments[2], address, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.uint64, array.dtype), codegen


@intrinsic
def observe(typing_context, array, index):
    """Load a value that another thread may publish; what is read after it is at least as new."""

    def codegen(context, builder, signature, arguments):
        return builder.load_atomic(cell(builder, context, signature, arguments), "acquire", 8)

    return array.dtype(array, types.uint64), codegen


@intrinsic
def take(typing_context, array, index, amount):
    """Add to a number that threads share; returns what it was before."""

    def codegen(context, builder, signature, arguments):
        address = cell(builder, context, signature, arguments)
        return builder.atomic_rmw("add", address, arguments[2], "acq_rel")

    return array.dtype(array, types.int64, array.dtype), codegen
