"""One model is loaded at a time.

While transformers loads a model it replaces functions and the default number type of the whole
process; a second load at the same moment keeps the replacement for good ("Cannot copy out of meta
tensor"). Whoever makes a model holds this lock meanwhile.
"""

import threading

LOADING = threading.RLock()
