"""One submission of Spark: makes tables of silver and gold, one after the other, from the lake's files and what the warehouse gave.

The job comes as one line of JSON on standard input, which then stays open: where it ends, whoever asked for this has died, and so does this. What it is at is told
on standard output, in lines that begin with `flowguard `; everything else is for the log. Nothing here knows any table: packages/pipeline/src/etl/adapters/spark-job.ts does.
With `--version` it says which pyspark it would take, and starts nothing.
"""

import glob
import json
import os
import sys
import threading
import time

HOME = os.environ.get("SPARK_HOME", "")
if HOME:
    sys.path[:0] = glob.glob(os.path.join(HOME, "python", "lib", "*.zip"))


def tell(**what):
    print("flowguard " + json.dumps(what), flush=True)


def log(text):
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text, file=sys.stderr, flush=True)


def end_with_the_other():
    sys.stdin.buffer.read()
    # Spark's own process ends with this one: it waits on a pipe from it.
    os._exit(3)


def session_of(job):
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(job["master"]).appName(job["name"])
    for name, value in job["conf"].items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def rows_of(spark, given):
    """As a table, whatever is in it: its columns are known also where there is no file."""
    if not given["paths"]:
        return spark.createDataFrame([], given["schema"])
    reader = spark.read.option("basePath", given["base"]) if given.get("base") else spark.read
    if given.get("schema"):
        reader = reader.schema(given["schema"])
    return reader.parquet(*given["paths"])


def make(spark, model):
    made = None
    for part in model["parts"]:
        began = time.monotonic()
        rows = spark.sql(part["sql"])
        rows.write.mode("overwrite").parquet(part["out"])
        log(f"{model['name']} -> {part['out']} in {time.monotonic() - began:.1f} s")
        if model.get("view"):
            read = spark.read.schema(rows.schema).parquet(part["out"])
            made = read if made is None else made.unionByName(read)
    if not model.get("view"):
        return
    rows_of(spark, model["before"]).unionByName(made).createOrReplaceTempView(model["view"])


def reason(error):
    """Of what Java threw the first cause, which Python's own words leave out."""
    java = getattr(error, "java_exception", None)
    try:
        while java is not None and java.getCause() is not None:
            java = java.getCause()
        text = java.toString() if java is not None else str(error)
    except Exception:  # noqa: BLE001 - Java may be gone
        text = str(error)
    lines = text.strip().splitlines() or [""]
    return lines[0] if java is not None else f"{type(error).__name__}: {lines[0]}"


def run(job):
    spark = session_of(job)
    log(f"Spark {spark.version} on {job['master']}")
    tell(ready=spark.version)
    for given in job["given"]:
        rows_of(spark, given).createOrReplaceTempView(given["view"])
        if given.get("sql"):
            spark.sql(given["sql"]).createOrReplaceTempView(given["view"])
    for model in job["models"]:
        tell(at=model["name"])
        make(spark, model)
    spark.stop()
    tell(done=True)


def main():
    if sys.argv[1:] == ["--version"]:
        import pyspark

        print(pyspark.__version__)
        return
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_the_other, daemon=True).start()
    try:
        run(job)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        import traceback

        traceback.print_exc()
        tell(failed=reason(error))
        os._exit(1)
    # At its ordinary end Python would wait for the thread that reads.
    os._exit(0)


main()
