"""Rows for examples/card and examples/lower-third: names in many scripts, points, tiers, avatars, roles.

    python benchmarks/reuse/rows.py --rows 500 > 500rows.json

The same seed gives the same rows; the first rows of a long list are those of a short one. No two rows of a
list have the same name: a name that has been given out gets an initial.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

SEED = 1

_ENGLISH = "Hart Okonkwo Smith-Jones Featherstonehaugh Li Patel O'Sullivan Ng Montgomery Wu Abernathy Cole"

#: Language, given names, family names, what stands between them, whether the family comes first. Each line is
#: as likely as another.
_SCRIPTS: tuple[tuple[str, str, str, str, bool], ...] = (
    ("en", "Asha Bo Imogen Will Maximilian Li O'Neil Theodora Al Cassandra Ivy Bartholomew", _ENGLISH,
     " ", False),
    ("en", "Ada Grace Sam Kit Wilhelmina Noor Max Jo Penelope Ed Rosalind Ty", _ENGLISH, " ", False),
    ("de", "Käthe Jürgen Änne Björn Maximiliane Götz Heiko Dörte Lieselotte Jörg",
     "Müller Weiß Hohenberg-Österreich Groß Jäger Wolfeschlegelstein Böhm Schröder Krüger Voß", " ", False),
    ("vi", "Thảo Hạnh Dũng Phương Quỳnh Tuấn Ngọc Hiếu", "Nguyễn Trần Phạm Huỳnh Võ Đặng Bùi Đỗ", " ", True),
    ("is", "Þórdís Ægir Guðrún Örn Sæunn Dagný Hörður Ásta",
     "Ágústsdóttir Jónsson Sigurðardóttir Þorsteinsson Björnsdóttir Árnason Helgadóttir Einarsson",
     " ", False),
    ("el", "Ελευθερία Γιώργος Μαρία Ηλίας Σοφία Νίκος Κατερίνα Πέτρος",
     "Παπαδοπούλου Νικολάου Γεωργίου Οικονόμου Βασιλείου Ιωάννου Δημητρίου Αντωνίου", " ", False),
    ("ru", "Юлия Пётр Анна Егор Мария Илья Екатерина Лев",
     "Королёва Шмидт Коваль Щукина Жук Черных Долгих Гончаренко", " ", False),
    ("ar", "محمد فاطمة يوسف مريم خالد ليلى عمر نور",
     "الرحمن حسن العلي منصور صالح ناصر الحداد سليم", " ", False),
    ("he", "שירה דוד נועה יוסי מיכל אבי רחל תמר", "כהן לוי מזרחי פרץ ביטון אברהם שפירא גולן", " ", False),
    ("hi", "आशा राज मीरा अमित सीता रवि नेहा विकास", "शर्मा पटेल सिंह गुप्ता वर्मा यादव मिश्रा राव", " ", False),
    ("zh-Hans", "小明 丽华 伟 芳 国强 静 建国 雪", "王 李 张 刘 陈 杨 赵 周", "", True),
    ("ja", "さくら 太郎 花子 健 美咲 大輔 愛 翔太", "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村", " ", True),
    ("ko", "민수 지영 서준 하은 도윤 수빈 예린 지호", "김 이 박 최 정 강 조 윤", "", True),
)  # fmt: skip

_AVATARS = tuple(f"avatars/{animal}.svg" for animal in
                 ("bear", "cactus", "cat", "fox", "owl", "penguin", "rabbit", "whale"))  # fmt: skip

#: Tier now, next tier, points for it.
_TIERS = (
    ("Bronze", "Silver", 1_000),
    ("Silver", "Gold", 2_000),
    ("Gold", "Platinum", 5_000),
    ("Platinum", "Diamond", 100_000),
)

#: For examples/lower-third; the numbers of their entries have no common divisor.
_ROLES = (
    "Head of Product, Northlight",
    "Principal Engineer",
    "Chief Scientist",
    "Host",
    "Research Lead, Aster Labs",
)
_PLACES = (
    "Lagos",
    "Göteborg",
    "Lisboa",
    "Pune",
    "Kyoto",
    "Oslo",
    "Quito",
    "Medellín",
    "Galway",
    "Wien",
    "Graz",
)
_ACCENTS = ("#ffb347", "#6cc4ff", "#ff7d8d", "#7be0b0")

Row = dict[str, Any]


def make_rows(count: int, *, first: int = 1, seed: int = SEED, campaign: str = "What a year,") -> list[Row]:
    """Rows number `first` to `first + count - 1` of the endless list of a seed.

    Args:
        campaign: the global value: one for all rows.
    """
    rows = endless_rows(seed, campaign)
    return list(itertools.islice(rows, first - 1, first - 1 + count))


def endless_rows(seed: int, campaign: str) -> Iterator[Row]:
    """Rows without end and without repetition."""
    dice = random.Random(seed)
    names = _names(dice)
    for number, (lang, name) in enumerate(names, start=1):
        tier, following, goal = dice.choice(_TIERS)
        # Over most of the range below the goal, at 0 for the lowest tier.
        points = dice.randrange(goal // 10, goal) if goal > 1_000 else dice.randrange(goal)
        yield {
            "out": f"row-{number:05d}.mp4",
            "name": name,
            "lang": lang,
            "points": points,
            "goal": goal,
            "tier": tier,
            "next": following,
            "avatar": dice.choice(_AVATARS),
            "tint": f"#{dice.randrange(0x10, 0x60):02x}{dice.randrange(0x10, 0x60):02x}{number % 256:02x}",
            "campaign": campaign,
            "role": _ROLES[number % len(_ROLES)],
            "place": _PLACES[number % len(_PLACES)],
            "accent": _ACCENTS[number % len(_ACCENTS)],
        }


def _names(dice: random.Random) -> Iterator[tuple[str, str]]:
    """Language and name, no name twice."""
    seen: set[str] = set()
    while True:
        lang, givens, families, between, family_first = dice.choice(_SCRIPTS)
        given, family = dice.choice(givens.split()), dice.choice(families.split())
        name = between.join((family, given) if family_first else (given, family))
        if dice.random() < 0.04 and between:
            name = given
        if dice.random() < 0.03:
            name += " 🦊"
        while name in seen:
            name += f" {dice.choice('ABCDEFGHKLMNPRSTVW')}."
        seen.add(name)
        yield lang, name


def main() -> None:
    """Print rows as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    json.dump(make_rows(options.rows, seed=options.seed), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
