"""pyarrow.json: a JSONL file into Arrow columns, one thread."""

import time

import pyarrow as pa
import pyarrow.json
from work import lines, report

if __name__ == "__main__":
    path, few = lines()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    options = pa.json.ReadOptions(use_threads=False)
    pa.json.read_json(few, read_options=options)
    started = time.process_time()
    table = pa.json.read_json(path, read_options=options)
    report(path.stat().st_size, time.process_time() - started, documents=table.num_rows)
