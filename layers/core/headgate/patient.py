"""Imported before the rest of the core, and with it boto3: Python looks for garbage less often.

A cold start makes a hundred thousand objects (code, descriptions of AWS's services), hardly one of them garbage. Python
searches after every 700 new ones: two hundred times, once through everything. That took 30 ms of 400.
"""

import gc

gc.set_threshold(200_000)  # some twenty megabytes of garbage at most wait for the search
