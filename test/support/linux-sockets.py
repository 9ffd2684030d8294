"""Runs sequences of socket calls on the kernel and prints what each call returned, as JSON.

Input on stdin: [{"steps": [step, ...], "peer": bool}, ...]; a step is [call, argument, ...], descriptors go by names. Output:
a list of results per case. A result is a number (negative errno for a failure) or, where the call yields more, a list that
starts with it. Each case gets a network namespace of its own with the loopback interface up, so that nothing is left of
the case before (TIME-WAIT), and an empty working directory; with "peer" a second namespace, at the other end of a veth
pair. That takes root, and without the right to it the exit status is 77. No call waits, whatever O_NONBLOCK says.
See test/socket/differential/steps.ts for the steps, linux_calls.py for how they are done.
"""

import fcntl
import json
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from linux_calls import Case, libc  # noqa: E402
from linux_namespaces import join, new_namespace  # noqa: E402

# Most of the time goes by in waiting for the network.
WORKERS = 4


def run(case):
    """Runs one case in namespaces and a directory of its own, and leaves the privileges as they were."""
    namespaces = [new_namespace()]
    if case.get("peer"):
        namespaces.append(new_namespace())
        join(*namespaces)
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o777)
    os.chdir(directory)
    # Descriptors count from 3 on, as tapstack's do.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 600) for fd in namespaces]
    for fd in namespaces:
        os.close(fd)
    runner = Case(high)
    results = []
    for step in case["steps"]:
        try:
            results.append(runner.step(*step))
        except Exception as error:
            raise RuntimeError("step %s" % json.dumps(step)) from error
        time.sleep(0.0005)
    libc.setresuid(0, 0, 0)
    libc.setresgid(0, 0, 0)
    os.closerange(3, 700)
    os.chdir("/")
    shutil.rmtree(directory)
    return results


def worker(cases):
    """Runs cases in a process of their own; returns its number, and the file that it writes the results to."""
    file = tempfile.TemporaryFile("w+")
    pid = os.fork()
    if pid == 0:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.closerange(3, 700)
        json.dump([run(case) for case in cases], sys.stdout)
        sys.stdout.flush()
        os._exit(0)
    return pid, file


def answers(pid, file):
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        sys.exit(status)
    file.seek(0)
    return json.load(file)


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    workers = [worker(cases[first::WORKERS]) for first in range(WORKERS)]
    results = [None] * len(cases)
    for first, each in enumerate(workers):
        results[first::WORKERS] = answers(*each)
    json.dump(results, sys.stdout)
