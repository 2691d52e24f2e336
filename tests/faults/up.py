"""`manage.py up --demo`, except that what dies is started again at once however often: scenarios kill a lot."""

import sys

from config import supervisor
from manage import main

if __name__ == "__main__":
    supervisor._LONGEST_PAUSE = supervisor._FIRST_PAUSE
    sys.argv = ["manage.py", "up", "--demo"]
    main()
