"""Slices of pieces that were encoded by themselves, put into one picture: new headers, the same macroblocks.

A band is some rows of macroblocks of the picture, encoded as if it were a picture of its own. Its slices
become slices of the whole picture when their headers say where they stand in it and which picture it is.
Everything that macroblocks depend on (contexts of CABAC, predicted vectors, intra prediction) ends at the
edges of slices as it ends at the edges of a picture, except for what motion vectors reach; see `band_layout`.
Nothing is decoded; a slice takes some 20 us. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from framepress.encode import nal_units
from framepress.h264_bits import BadStream
from framepress.h264_headers import ParameterSets, Slice, read_pps, read_slice, read_sps, write_slice
from framepress.h264_syntax import NAL_IDR, NAL_SLICE, SLICE_I

#: In the SPS of a band, what may differ from that of the whole picture: its size, what follows from that, and
#: how far its vectors reach.
_MAY_DIFFER = frozenset(
    {
        "level_idc", "pic_height_in_map_units_minus1", "frame_cropping_flag", "frame_crop_left_offset",
        "frame_crop_right_offset", "frame_crop_top_offset", "frame_crop_bottom_offset",
        "log2_max_mv_length_horizontal", "log2_max_mv_length_vertical",
    }
)  # fmt: skip

_START_CODE = b"\x00\x00\x00\x01"


def read_parameter_sets(data: bytes) -> ParameterSets:
    """SPS and PPS, in Annex B.

    Raises:
        BadStream: something else is there, or they are of another profile.
    """
    units = nal_units(data)
    if len(units) != 2:
        raise BadStream(f"{len(units)} NAL units; expected one SPS and one PPS")
    return ParameterSets(read_sps(units[0]), read_pps(units[1]))


def check_joinable(whole: ParameterSets, band: ParameterSets) -> None:
    """Refuse a band whose slices would mean something else in the whole picture.

    Raises:
        BadStream: its parameter sets differ in more than the height.
    """
    if band.pps != whole.pps:
        raise BadStream("a band whose PPS is not that of the picture")
    names = (band.sps.keys() | whole.sps.keys()) - _MAY_DIFFER
    for name in sorted(names):
        if band.sps.get(name) != whole.sps.get(name):
            raise BadStream(f"a band whose SPS has another {name} than that of the picture")


def placed(piece: Slice, *, first_mb: int, picture: int, filter_above: bool) -> Slice:
    """A slice as part of a picture.

    Args:
        first_mb: where it stands, in macroblocks of the whole picture.
        picture: pictures since the key picture; 0: it is one, and so are all slices of that picture.
        filter_above: whether its upper edge is smoothed against the slice above.

    Raises:
        BadStream: a slice with motion cannot be part of a key picture.
    """
    values = dict(piece.values)
    if picture == 0 and values["slice_type"] % 5 != SLICE_I:
        raise BadStream("a slice of a key picture that is not intra")
    values["first_mb_in_slice"] = first_mb
    values["frame_num"] = picture % (1 << values["log2_max_frame_num"])
    if picture == 0:
        # 7.4.3: pictures with one `idr_pic_id` must not be neighbours; a GOP has two pictures at least.
        values |= {
            "nal_unit_type": NAL_IDR,
            "nal_ref_idc": 3,
            "idr_pic_id": 0,
            "no_output_of_prior_pics_flag": 0,
            "long_term_reference_flag": 0,
        }
    else:
        values |= {"nal_unit_type": NAL_SLICE, "nal_ref_idc": 2, "adaptive_ref_pic_marking_mode_flag": 0}
    if values.get("disable_deblocking_filter_idc", 1) != 1:
        values["disable_deblocking_filter_idc"] = 0 if filter_above else 2
    return Slice(values, piece.data)


def placed_nal(nal: bytes, band: ParameterSets, *, first_mb: int, picture: int, filter_above: bool) -> bytes:
    """`placed` from NAL unit to NAL unit.

    Args:
        band: of the stream that the slice is from.

    Raises:
        BadStream: it is not a slice, or is cut off in its header.
    """
    piece = read_slice(nal, band.slice_context)
    return write_slice(placed(piece, first_mb=first_mb, picture=picture, filter_above=filter_above))


def first_mb_of(nal: bytes, sets: ParameterSets) -> int:
    """Where a slice begins, in macroblocks of its own picture. Raises `BadStream` like `placed_nal`."""
    return read_slice(nal, sets.slice_context).values["first_mb_in_slice"]


def access_unit(slices: Sequence[bytes]) -> bytes:
    """One picture from its slices, from top to bottom."""
    return b"".join(_START_CODE + nal for nal in slices)
