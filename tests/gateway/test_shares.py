import pytest
from django.test import override_settings

from gateway.shares import AllTaken, Share


@pytest.mark.parametrize(("threads", "part", "most"), [(32, 1 / 2, 16), (8, 1 / 4, 2), (3, 1 / 2, 1), (1, 1 / 2, 1)])
def test_a_share_is_a_part_of_the_threads_and_never_none(threads, part, most):
    with override_settings(WEB_THREADS=threads):
        share = Share("test", part)
    held = [share.hold() for _ in range(most)]
    for one in held:
        one.__enter__()
    with pytest.raises(AllTaken), share.hold():
        pass
    held[0].__exit__(None, None, None)
    with share.hold():
        pass


def test_a_request_that_fails_gives_its_thread_back():
    with override_settings(WEB_THREADS=2):
        share = Share("test", 1 / 2)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), share.hold():
            raise ValueError("broken")
