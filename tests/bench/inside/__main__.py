"""`python -m tests.bench.inside module:function '{"argument": …}'` prints what the function returns, as JSON."""

import json
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    django.setup()
    module, _, function = sys.argv[1].partition(":")
    found = getattr(import_module(f"tests.bench.inside.{module}"), function)(**json.loads(sys.argv[2]))
    print("\n" + json.dumps(found))
