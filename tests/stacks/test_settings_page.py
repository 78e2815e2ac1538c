"""docs/settings.md says what the models say."""

from __future__ import annotations

from pathlib import Path

from stacks.settings import Section, Settings
from stacks.settings_page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m stacks.settings_page > docs/settings.md"


def test_every_setting_but_the_switches_says_what_it_is() -> None:
    silent = [
        f"{name}.{key}"
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section) and name != "stacks"
        for key, each in field.annotation.model_fields.items()
        if not each.description
    ]

    assert silent == []
