"""Waits until a node says that its network has a quorum, for a minute at most."""

import sys
import time
import urllib.error
import urllib.request

end = time.monotonic() + 60
while True:
    try:
        with urllib.request.urlopen(sys.argv[1] + "/v1/health", timeout=2) as answer:
            if answer.status == 200:
                break
    except (urllib.error.URLError, OSError):
        pass
    if time.monotonic() > end:
        sys.exit(f"{sys.argv[1]}: no healthy node within a minute")
    time.sleep(0.05)  # between two looks
