"""Syntax tables of H.264: the fields of sequence and picture parameter sets, and of slice headers.

Each table holds the fields in the order of its clause of ITU-T H.264:

    SPS     7.3.2.1.1, with vui_parameters of E.1.1
    PPS     7.3.2.2
    SLICE   7.3.3, with 7.3.3.1 (lists of references) and 7.3.3.3 (marking of references)

Only what the one stream profile of this package can hold is there (progressive 4:2:0, no slice groups, no
scaling matrices, no weighted prediction, no changed lists of references). A field that would open anything
else has the only value that it may have (`Field.only`); another one is an error, so nothing is misread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from framepress.h264_bits import BadStream, BitReader, BitWriter

Values = Mapping[str, int]

#: NAL unit types (table 7-1).
NAL_SLICE, NAL_IDR, NAL_SPS, NAL_PPS = 1, 5, 7, 8

#: Slice types modulo 5 (table 7-6).
SLICE_P, SLICE_I = 0, 2

#: `profile_idc` whose SPS goes on with `chroma_format_idc`.
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a syntax table.

    Attributes:
        name: as in the standard, where it gives one.
        kind: u(n), ue(v) or se(v) of 7.2.
        bits: of u; a name: that many as the value of that name (of another header, or made by
            `ParameterSets.slice_context`) says.
        when: whether it is there; None: always.
        only: the one value that is understood.
    """

    name: str
    kind: Literal["u", "ue", "se"]
    bits: int | str = 1
    when: Callable[[Values], object] | None = None
    only: int | None = None


def _u(
    name: str,
    bits: int | str = 1,
    when: Callable[[Values], object] | None = None,
    *,
    only: int | None = None,
) -> Field:
    return Field(name, "u", bits, when, only)


def _ue(name: str, when: Callable[[Values], object] | None = None, *, only: int | None = None) -> Field:
    return Field(name, "ue", 0, when, only)


def _se(name: str, when: Callable[[Values], object] | None = None) -> Field:
    return Field(name, "se", 0, when)


def _if(name: str) -> Callable[[Values], object]:
    return lambda values: values[name]


def _high(values: Values) -> bool:
    return values["profile_idc"] in _HIGH_PROFILES


def _vui(name: str) -> Callable[[Values], object]:
    return lambda values: values["vui_parameters_present_flag"] and (not name or values[name])


#: 7.3.2.1.1, then E.1.1.
SPS: tuple[Field, ...] = (
    _u("profile_idc", 8),
    _u("constraint_set_flags_and_reserved", 8),
    _u("level_idc", 8),
    _ue("seq_parameter_set_id"),
    _ue("chroma_format_idc", _high, only=1),
    _ue("bit_depth_luma_minus8", _high, only=0),
    _ue("bit_depth_chroma_minus8", _high, only=0),
    _u("qpprime_y_zero_transform_bypass_flag", 1, _high),
    _u("seq_scaling_matrix_present_flag", 1, _high, only=0),
    _ue("log2_max_frame_num_minus4"),
    _ue("pic_order_cnt_type", only=2),
    _ue("max_num_ref_frames"),
    _u("gaps_in_frame_num_value_allowed_flag"),
    _ue("pic_width_in_mbs_minus1"),
    _ue("pic_height_in_map_units_minus1"),
    _u("frame_mbs_only_flag", only=1),
    _u("direct_8x8_inference_flag"),
    _u("frame_cropping_flag"),
    _ue("frame_crop_left_offset", _if("frame_cropping_flag")),
    _ue("frame_crop_right_offset", _if("frame_cropping_flag")),
    _ue("frame_crop_top_offset", _if("frame_cropping_flag")),
    _ue("frame_crop_bottom_offset", _if("frame_cropping_flag")),
    _u("vui_parameters_present_flag"),
    _u("aspect_ratio_info_present_flag", 1, _vui("")),
    _u("aspect_ratio_idc", 8, _vui("aspect_ratio_info_present_flag")),
    _u("sar_width", 16, lambda v: v.get("aspect_ratio_idc") == 255),
    _u("sar_height", 16, lambda v: v.get("aspect_ratio_idc") == 255),
    _u("overscan_info_present_flag", 1, _vui("")),
    _u("overscan_appropriate_flag", 1, _vui("overscan_info_present_flag")),
    _u("video_signal_type_present_flag", 1, _vui("")),
    _u("video_format", 3, _vui("video_signal_type_present_flag")),
    _u("video_full_range_flag", 1, _vui("video_signal_type_present_flag")),
    _u("colour_description_present_flag", 1, _vui("video_signal_type_present_flag")),
    _u("colour_primaries", 8, lambda v: v.get("colour_description_present_flag")),
    _u("transfer_characteristics", 8, lambda v: v.get("colour_description_present_flag")),
    _u("matrix_coefficients", 8, lambda v: v.get("colour_description_present_flag")),
    _u("chroma_loc_info_present_flag", 1, _vui("")),
    _ue("chroma_sample_loc_type_top_field", _vui("chroma_loc_info_present_flag")),
    _ue("chroma_sample_loc_type_bottom_field", _vui("chroma_loc_info_present_flag")),
    _u("timing_info_present_flag", 1, _vui("")),
    _u("num_units_in_tick", 32, _vui("timing_info_present_flag")),
    _u("time_scale", 32, _vui("timing_info_present_flag")),
    _u("fixed_frame_rate_flag", 1, _vui("timing_info_present_flag")),
    _u("nal_hrd_parameters_present_flag", 1, _vui(""), only=0),
    _u("vcl_hrd_parameters_present_flag", 1, _vui(""), only=0),
    _u("pic_struct_present_flag", 1, _vui("")),
    _u("bitstream_restriction_flag", 1, _vui("")),
    _u("motion_vectors_over_pic_boundaries_flag", 1, _vui("bitstream_restriction_flag")),
    _ue("max_bytes_per_pic_denom", _vui("bitstream_restriction_flag")),
    _ue("max_bits_per_mb_denom", _vui("bitstream_restriction_flag")),
    _ue("log2_max_mv_length_horizontal", _vui("bitstream_restriction_flag")),
    _ue("log2_max_mv_length_vertical", _vui("bitstream_restriction_flag")),
    _ue("max_num_reorder_frames", _vui("bitstream_restriction_flag")),
    _ue("max_dec_frame_buffering", _vui("bitstream_restriction_flag")),
)

#: 7.3.2.2; the last three only if the payload goes on (`more_rbsp_data`).
PPS: tuple[Field, ...] = (
    _ue("pic_parameter_set_id"),
    _ue("seq_parameter_set_id"),
    _u("entropy_coding_mode_flag"),
    _u("bottom_field_pic_order_in_frame_present_flag"),
    _ue("num_slice_groups_minus1", only=0),
    _ue("num_ref_idx_l0_default_active_minus1"),
    _ue("num_ref_idx_l1_default_active_minus1"),
    _u("weighted_pred_flag", only=0),
    _u("weighted_bipred_idc", 2),
    _se("pic_init_qp_minus26"),
    _se("pic_init_qs_minus26"),
    _se("chroma_qp_index_offset"),
    _u("deblocking_filter_control_present_flag"),
    _u("constrained_intra_pred_flag"),
    _u("redundant_pic_cnt_present_flag", only=0),
    _u("transform_8x8_mode_flag", 1, _if("more_rbsp_data")),
    _u("pic_scaling_matrix_present_flag", 1, _if("more_rbsp_data"), only=0),
    _se("second_chroma_qp_index_offset", _if("more_rbsp_data")),
)


def _is_p(values: Values) -> bool:
    return values["slice_type"] % 5 == SLICE_P


def _is_idr(values: Values) -> bool:
    return values["nal_unit_type"] == NAL_IDR


#: 7.3.3 up to `slice_data`; a frame of P or I slices, all of them references.
SLICE: tuple[Field, ...] = (
    _ue("first_mb_in_slice"),
    _ue("slice_type"),
    _ue("pic_parameter_set_id"),
    _u("frame_num", "log2_max_frame_num"),
    _ue("idr_pic_id", _is_idr),
    _u("num_ref_idx_active_override_flag", 1, _is_p),
    _ue("num_ref_idx_l0_active_minus1", lambda v: v.get("num_ref_idx_active_override_flag")),
    # 7.3.3.1
    _u("ref_pic_list_modification_flag_l0", 1, _is_p, only=0),
    # 7.3.3.3: of an IDR picture two flags, else one.
    _u("no_output_of_prior_pics_flag", 1, _is_idr),
    _u("long_term_reference_flag", 1, _is_idr),
    _u("adaptive_ref_pic_marking_mode_flag", 1, lambda v: not _is_idr(v), only=0),
    _ue("cabac_init_idc", lambda v: v["entropy_coding_mode_flag"] and _is_p(v)),
    _se("slice_qp_delta"),
    _ue("disable_deblocking_filter_idc", _if("deblocking_filter_control_present_flag")),
    _se("slice_alpha_c0_offset_div2", lambda v: v.get("disable_deblocking_filter_idc", 1) != 1),
    _se("slice_beta_offset_div2", lambda v: v.get("disable_deblocking_filter_idc", 1) != 1),
)


def read_fields(table: Sequence[Field], bits: BitReader, context: Values) -> dict[str, int]:
    """The fields of a table, added to the values that they depend on.

    Raises:
        BadStream: the bits end too early, or a field has a value that is not understood.
    """
    values = dict(context)
    for field in table:
        if field.when is not None and not field.when(values):
            continue
        if field.kind == "u":
            count = field.bits if isinstance(field.bits, int) else values[field.bits]
            value = bits.u(count)
        else:
            value = bits.ue() if field.kind == "ue" else bits.se()
        if field.only is not None and value != field.only:
            raise BadStream(f"{field.name} is {value}; only {field.only} is understood")
        values[field.name] = value
    return values


def write_fields(table: Sequence[Field], values: Values, bits: BitWriter) -> None:
    """Write the fields of a table; `values` as `read_fields` gives them.

    Raises:
        BadStream: a field has a value that is not understood.
    """
    for field in table:
        if field.when is not None and not field.when(values):
            continue
        value = values[field.name]
        if field.only is not None and value != field.only:
            raise BadStream(f"{field.name} is {value}; only {field.only} is understood")
        if field.kind == "u":
            bits.u(value, field.bits if isinstance(field.bits, int) else values[field.bits])
        elif field.kind == "ue":
            bits.ue(value)
        else:
            bits.se(value)
