"""Headers of H.264: parameter sets and slices as NAL units, by the tables of `h264_syntax`.

Read, written, never judged. A slice's macroblocks stay the bytes that they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from framepress.h264_bits import BadStream, BitReader, BitWriter, escaped, unescaped
from framepress.h264_syntax import (
    NAL_IDR,
    NAL_PPS,
    NAL_SLICE,
    NAL_SPS,
    PPS,
    SLICE,
    SLICE_I,
    SLICE_P,
    SPS,
    Values,
    read_fields,
    write_fields,
)

#: Bytes in which a slice header surely ends: 25 fields of the table, of 64 bits at the very most in theory;
#: x264's take 4 to 10.
_SLICE_HEADER_BYTES_MAX = 64


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """One SPS and one PPS, with their NAL header bytes; values by the names of their tables."""

    sps: dict[str, int]
    pps: dict[str, int]

    @property
    def width_mbs(self) -> int:
        """Macroblocks in a row."""
        return self.sps["pic_width_in_mbs_minus1"] + 1

    @property
    def height_mbs(self) -> int:
        """Rows of macroblocks."""
        return self.sps["pic_height_in_map_units_minus1"] + 1

    @property
    def slice_context(self) -> dict[str, int]:
        """What a slice header's fields depend on."""
        return {
            "log2_max_frame_num": self.sps["log2_max_frame_num_minus4"] + 4,
            "entropy_coding_mode_flag": self.pps["entropy_coding_mode_flag"],
            "deblocking_filter_control_present_flag": self.pps["deblocking_filter_control_present_flag"],
        }


# ---- parameter sets -----------------------------------------------------------------------------


def read_sps(nal: bytes) -> dict[str, int]:
    """A sequence parameter set; `nal_ref_idc` is among the values.

    Raises:
        BadStream: it is not one, is cut off, or needs what the tables do not hold.
    """
    bits = _body(nal, NAL_SPS)
    values = read_fields(SPS, bits, {"nal_ref_idc": nal[0] >> 5})
    bits.end()
    return values


def write_sps(values: Values) -> bytes:
    """The NAL unit of `read_sps`'s values."""
    bits = BitWriter()
    write_fields(SPS, values, bits)
    return bytes([values["nal_ref_idc"] << 5 | NAL_SPS]) + escaped(bits.end())


def read_pps(nal: bytes) -> dict[str, int]:
    """A picture parameter set; errors as of `read_sps`."""
    bits = _body(nal, NAL_PPS)
    first, last = PPS[:-3], PPS[-3:]
    values = read_fields(first, bits, {"nal_ref_idc": nal[0] >> 5})
    values["more_rbsp_data"] = int(bits.more_data())
    values = read_fields(last, bits, values)
    bits.end()
    return values


def write_pps(values: Values) -> bytes:
    """The NAL unit of `read_pps`'s values."""
    bits = BitWriter()
    write_fields(PPS, values, bits)
    return bytes([values["nal_ref_idc"] << 5 | NAL_PPS]) + escaped(bits.end())


def _body(nal: bytes, wanted: int) -> BitReader:
    if nal_type(nal) != wanted:
        raise BadStream(f"a NAL unit of type {nal_type(nal)}; expected {wanted}")
    return BitReader(unescaped(nal[1:]))


def nal_type(nal: bytes) -> int:
    """The type of a NAL unit (7.3.1). Raises `BadStream` if there is none."""
    if len(nal) < 2 or nal[0] & 0x80:
        raise BadStream(f"{len(nal)} bytes that are no NAL unit")
    return nal[0] & 0x1F


# ---- slices -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice: its header's values, and its macroblocks as they are.

    Attributes:
        values: by the names of `SLICE`, with `nal_ref_idc`, `nal_unit_type` and the context.
        data: CABAC's bytes with the end of the payload, without emulation prevention.
    """

    values: dict[str, int]
    data: bytes


def read_slice(nal: bytes, context: Values) -> Slice:
    """A slice NAL unit.

    Args:
        context: `ParameterSets.slice_context` of its stream.

    Raises:
        BadStream: it is not a slice of the one profile, or is cut off in its header.
    """
    kind = nal_type(nal)
    if kind not in (NAL_SLICE, NAL_IDR):
        raise BadStream(f"a NAL unit of type {kind}; expected a slice")
    payload = unescaped(nal[1:])
    bits = BitReader(payload[:_SLICE_HEADER_BYTES_MAX])
    values = read_fields(SLICE, bits, {**context, "nal_ref_idc": nal[0] >> 5, "nal_unit_type": kind})
    if values["slice_type"] % 5 not in (SLICE_P, SLICE_I) or not values["nal_ref_idc"]:
        raise BadStream("a slice that is neither P nor I, or no reference")
    if not values["entropy_coding_mode_flag"]:
        raise BadStream("a slice without CABAC: its macroblocks do not begin at a byte")
    # 7.3.4: ones up to a whole byte.
    missing = -bits.position % 8
    if bits.u(missing) != (1 << missing) - 1:
        raise BadStream("no alignment before a slice's macroblocks")
    data = payload[bits.position // 8 :]
    if not data or not data[-1]:
        raise BadStream("a slice without macroblocks or without an end")
    return Slice(values, data)


def write_slice(slice_: Slice) -> bytes:
    """The NAL unit of a slice whose `values` may have been changed: never what its macroblocks depend on."""
    values = slice_.values
    bits = BitWriter()
    write_fields(SLICE, values, bits)
    bits.align(1)
    return bytes([values["nal_ref_idc"] << 5 | values["nal_unit_type"]]) + escaped(bits.whole() + slice_.data)
