"""Fixed-point arithmetic, bit for bit as TensorFlow Lite Micro does it.

The scheme is that of Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference" (2018), with gemmlowp's double rounding: a saturating rounding
doubling high multiply, then a rounding right shift. Everything works on arrays of int64 that hold
32-bit values, so that NumPy evaluates whole tensors at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1

ONCE = 64
"""What is taken from the shift of a factor whose products are rounded once."""


@dataclass(frozen=True)
class Multiplier:
    """A real factor as mantissa * 2**(shift - 31); the mantissa has 31 bits and a sign.

    Products are rounded twice, as TensorFlow Lite Micro does it. A shift that is less by ONCE marks
    a factor whose products are rounded once, to the nearest integer, halves up.
    """

    mantissa: int
    shift: int

    @property
    def once(self) -> Multiplier:
        """The same factor with products that are rounded once."""
        return Multiplier(self.mantissa, self.shift - ONCE)

    @property
    def exponent(self) -> int:
        """The shift without that mark."""
        return self.shift + ONCE if self.shift < -ONCE // 2 else self.shift

    @staticmethod
    def signed(real: float) -> Multiplier:
        """The same as `of` for a factor that may be negative."""
        size = Multiplier.of(abs(real))
        return size if real >= 0 else Multiplier(-size.mantissa, size.shift)

    @staticmethod
    def of(real: float) -> Multiplier:
        """The nearest representable factor; factors below 2**-32 become 0."""
        if not math.isfinite(real) or real < 0:
            raise ValueError(f"{real} is no factor that integers can be multiplied by")
        if real == 0:
            return Multiplier(0, 0)
        fraction, shift = math.frexp(real)
        mantissa = math.floor(fraction * (1 << 31) + 0.5)
        if mantissa == 1 << 31:
            mantissa, shift = mantissa // 2, shift + 1
        if shift < -31:
            return Multiplier(0, 0)
        if shift > 30:
            return Multiplier(INT32_MAX, 30)
        return Multiplier(mantissa, shift)


def wrap32(x: Int64) -> Int64:
    """What a 32-bit register keeps of `x`."""
    result: Int64 = ((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    return result


def doubling_high_multiply(a: Int64 | int, b: Int64 | int) -> Int64:
    """round(a * b / 2**31), saturating, bit for bit as gemmlowp does it.

    Its nudge by sign and its division towards zero come to the same as one floor.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    result: Int64 = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return result


def rounding_shift_right(x: Int64, exponent: Int64 | int) -> Int64:
    """round(x / 2**exponent), ties away from zero."""
    shift = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << shift) - 1
    threshold = (mask >> 1) + (x < 0)
    result: Int64 = (x >> shift) + ((x & mask) > threshold)
    return result


def multiply(x: Int64, mantissa: Int64 | int, shift: Int64 | int) -> Int64:
    """TFLite's MultiplyByQuantizedMultiplier with double rounding; arguments broadcast.

    Factors that are marked so round once.
    """
    exponent = np.asarray(shift, np.int64)
    once = exponent < -ONCE // 2
    left, right = np.maximum(exponent, 0), np.clip(-exponent, 0, 31)
    twice = rounding_shift_right(doubling_high_multiply(wrap32(x << left), mantissa), right)
    if not np.any(once):
        return twice
    result: Int64 = np.where(once, _multiply_once(x, mantissa, exponent + ONCE), twice)
    return result


def _multiply_once(x: Int64, mantissa: Int64 | int, shift: Int64) -> Int64:
    product = wrap32(x) * np.asarray(mantissa, np.int64)
    right = np.clip(31 - shift, 1, 62)
    whole = (product + (np.int64(1) << (right - 1))) >> right
    return np.asarray(np.clip(whole, INT32_MIN, INT32_MAX), np.int64)


def multiply_wide(x: Int64, mantissa: Int64 | int, shift: Int64 | int) -> Int64:
    """TFLite's MultiplyByQuantizedMultiplier of sums of 64 bits: a mantissa of 15, rounded once.

    `shift` is below 8 and `x` within 2**47, so that the product fits.
    """
    factor = np.asarray(mantissa, np.int64)
    reduced = np.where(factor < 0x7FFF0000, (factor + (1 << 15)) >> 16, 0x7FFF)
    right = 15 - np.asarray(shift, np.int64)
    return wrap32((x * reduced + (np.int64(1) << (right - 1))) >> right)


def saturating_shift_left(x: Int64, exponent: int) -> Int64:
    """x * 2**exponent, clamped to 32 bits."""
    return np.asarray(np.clip(x << exponent, INT32_MIN, INT32_MAX), np.int64)


def rounding_half_sum(a: Int64, b: Int64) -> Int64:
    """(a + b) / 2, ties away from zero."""
    total = a + b
    sign = np.where(total >= 0, 1, -1)
    halved = total + sign
    return np.where(halved >= 0, halved >> 1, -(-halved >> 1))


# Q0.31 constants of gemmlowp's exponential: exp(-1/8), 1/3, and exp(-2**k) for k = -2 ... 4.
_EXP_MINUS_EIGHTH = 1895147668
_ONE_THIRD = 715827883
_EXP_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def exp_of_negative(a: Int64, integer_bits: int) -> Int64:
    """exp(a) as Q0.31 for a <= 0 in Q(integer_bits).(31 - integer_bits), integer_bits <= 5."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    residue = (a & (quarter - 1)) - quarter
    # A fourth-order Taylor polynomial around -1/8 on [-1/4, 0).
    x = saturating_shift_left(residue, integer_bits) + (1 << 28)
    x2 = doubling_high_multiply(x, x)
    x3 = doubling_high_multiply(x2, x)
    x4_quarter = rounding_shift_right(doubling_high_multiply(x2, x2), 2)
    tail = rounding_shift_right(doubling_high_multiply(x4_quarter + x3, _ONE_THIRD) + x2, 1)
    result = _EXP_MINUS_EIGHTH + doubling_high_multiply(_EXP_MINUS_EIGHTH, x + tail)
    remainder = residue - a
    for power, factor in zip(range(-2, integer_bits), _EXP_MINUS_POWERS, strict=False):
        bit = remainder & (1 << (fraction_bits + power))
        result = np.where(bit != 0, doubling_high_multiply(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def _newton_reciprocal(a: Int64) -> Int64:
    """2 / (1 + a) as Q2.29 for a in [0, 1) as Q0.31: three Newton steps from 48/17 - 32/17 d."""
    half_denominator = rounding_half_sum(a, np.asarray(INT32_MAX, np.int64))
    x = 1515870810 + doubling_high_multiply(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - doubling_high_multiply(half_denominator, x)
        x = x + saturating_shift_left(doubling_high_multiply(x, error), 2)
    return x


def reciprocal_of_one_plus(a: Int64) -> Int64:
    """1 / (1 + a) as Q0.31 for a in [0, 1) as Q0.31."""
    return saturating_shift_left(_newton_reciprocal(a), 1)


def leading_zeros(x: Int64) -> Int64:
    """How many bits of a positive 32-bit number are zero before its first one."""
    return 31 - np.floor(np.log2(x.astype(np.float64))).astype(np.int64)


def reciprocal(x: Int64, integer_digits: int) -> tuple[Int64, Int64]:
    """1 / x as (mantissa in Q0.31, bits over unit) for positive x of `integer_digits` digits."""
    zeros = leading_zeros(x)
    mantissa = reciprocal_of_one_plus((x << zeros) - (1 << 31))
    return mantissa, integer_digits - zeros


_LN_2 = 1488522236
_SQRT_HALF = 1518500250
_FOURTH_ROOT_HALF = 1805811301


def log_of_at_least_one(x: Int64) -> Int64:
    """ln(x) in Q5.26 for x >= 1 in Q12.19 (TFLite: log_x_for_x_greater_than_or_equal_to_1).

    x is 2**n * r with r around sqrt(1/2): ln(x) = n ln(2) + ln(r), the latter by a rational
    function around the fourth root of 1/2, in Q6.25.
    """
    bits_a = leading_zeros(x)
    halved_a = doubling_high_multiply(x << (bits_a - 1), _SQRT_HALF)
    reduced_a = saturating_shift_left(halved_a, 1)
    power_a = ((12 - bits_a) << 25) + (1 << 23)
    bits_b = leading_zeros(doubling_high_multiply(x, _SQRT_HALF)) - 1
    reduced_b = np.clip(x << bits_b, INT32_MIN, INT32_MAX)
    power_b = ((12 - bits_b) << 25) - (1 << 23)
    reduced, power = np.minimum(reduced_a, reduced_b), np.maximum(power_a, power_b)

    middle = rounding_half_sum(reduced, np.asarray(_FOURTH_ROOT_HALF, np.int64))
    offset = 2 * (reduced - _FOURTH_ROOT_HALF)
    square = doubling_high_multiply(offset, offset)
    cubic = doubling_high_multiply(doubling_high_multiply(offset, square), 117049297)
    numerator = doubling_high_multiply(offset, reduced) + cubic
    inner = 1057819769 + offset + doubling_high_multiply(127690142, square)
    denominator = doubling_high_multiply(middle, inner)
    denominator = denominator + doubling_high_multiply(638450708, offset)
    log_reduced = doubling_high_multiply(
        rounding_shift_right(numerator, 6), reciprocal_of_one_plus(denominator)
    )
    return saturating_shift_left(doubling_high_multiply(power, _LN_2) + log_reduced, 1)


def reciprocal_square_root(x: Int64) -> tuple[Int64, Int64]:
    """1 / sqrt(x) as (mantissa, shift) for `multiply`, for integers x >= 0; 0 counts as 1.

    Newton's iteration in Q3.28, bit for bit TFLite's GetInvSqrtQuantizedMultiplierExp.
    """
    value, right = np.maximum(x, 2), np.full(x.shape, 11, np.int64)
    for _ in range(2):
        large = value >= 1 << 29
        value, right = np.where(large, value >> 2, value), right + large
    pairs = (leading_zeros(value) - 1) // 2 - 1
    value, right = value << 2 * pairs, right - pairs
    half = rounding_shift_right(value >> 1, 1)
    root = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = doubling_high_multiply(doubling_high_multiply(root, root), root)
        cube = saturating_shift_left(cube, 6)
        next_root = doubling_high_multiply((1 << 28) + (1 << 27), root)
        root = saturating_shift_left(next_root - doubling_high_multiply(half, cube), 3)
    root = doubling_high_multiply(root, _SQRT_HALF) << np.maximum(-right, 0)
    small = x <= 1
    return np.where(small, INT32_MAX, root), np.where(small, 0, -np.maximum(right, 0))


def logistic(a: Int64) -> Int64:
    """1 / (1 + exp(-a)) as Q0.31 for a in Q4.27, bit for bit as gemmlowp does it."""
    upper = reciprocal_of_one_plus(exp_of_negative(-np.abs(a), 4))
    return np.where(a == 0, 1 << 30, np.where(a > 0, upper, INT32_MAX - upper))


def tanh(a: Int64) -> Int64:
    """The hyperbolic tangent as Q0.31 of a in Q4.27: (1 - e) / (1 + e) with e = exp(-2 |a|)."""
    # The same bits as Q5.26 are twice the number.
    e = exp_of_negative(-np.abs(a), 5)
    upper = saturating_shift_left(_newton_reciprocal(e) - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a > 0, upper, -upper))
