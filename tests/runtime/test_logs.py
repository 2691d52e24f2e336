"""Log lines."""

import json
import logging

import pytest
import structlog

from runtime import logs
from runtime.scrubbing import remember


@pytest.fixture(autouse=True)
def _configured(settings):
    settings.LOG_LEVEL = "INFO"
    logs.configure()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_scrubbed_json_line(capsys):
    structlog.get_logger("x").info("lead.captured", lead="1", email="anna@example.com", note_text="a\r\nb\u2028c")
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "\u2028" not in text
    line = json.loads(text)
    assert (line["event"], line["level"], line["email"]) == ("lead.captured", "info", "a***@example.com")
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_are_scrubbed_and_can_not_forge_lines(capsys):
    remember("k3y-of-a-vendor")
    logging.getLogger("django.request").warning('Not Found: %s\n{"event": "forged"}', "/x?token=k3y-of-a-vendor")
    [line] = lines(capsys)
    assert "k3y-of-a-vendor" not in line["event"]
    assert line["logger"] == "django.request"


def test_a_traceback_is_scrubbed_too(capsys):
    try:
        int("password=hunter2 for anna@example.com")
    except ValueError:
        structlog.get_logger("x").exception("job.failed")
    [line] = lines(capsys)
    assert "ValueError" in line["exception"]
    assert "hunter2" not in line["exception"]
    assert "anna@" not in line["exception"]


def test_http_libraries_say_nothing_about_each_request(capsys):
    for name in ("httpx2", "httpcore2.connection", "httpcore2.http11"):
        logging.getLogger(name).info("HTTP Request: GET https://x/?token=1")
    assert lines(capsys) == []


def test_the_level_is_a_setting(capsys, settings):
    settings.LOG_LEVEL = "ERROR"
    logs.configure()
    structlog.get_logger("x").warning("quiet")
    logging.getLogger("django").warning("quiet")
    structlog.get_logger("x").error("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]
