"""The files for clusters: their commands are ones that cmx takes, and go on where they should."""

import os
import pathlib
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[1]
CLUSTER = ROOT / "launch" / "cluster"


def program(folder, name, *lines):
  folder.mkdir(exist_ok=True)
  (folder / name).write_text("\n".join(["#!/bin/sh", *lines, ""]))
  (folder / name).chmod(0o755)


def started(command, first, **environment):
  return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env={
    **os.environ, "PATH": f"{first}{os.pathsep}{os.environ['PATH']}", **environment})


@pytest.fixture(scope="module")
def jobset():
  return yaml.safe_load((CLUSTER / "jobset.yaml").read_text())


def container(jobset):
  job, = jobset["spec"]["replicatedJobs"]
  return job["template"]["spec"], job["template"]["spec"]["template"]["spec"]["containers"][0]


def test_the_pods_of_a_jobset_are_as_many_as_their_processes(jobset):
  assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
  job, pod = container(jobset)
  count, = [each["value"] for each in pod["env"] if each["name"] == "PROCESSES"]
  assert job["parallelism"] == job["completions"] == int(count)
  assert job["completionMode"] == "Indexed" and job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_first_pod_of_a_jobset_is_named_as_the_coordinator(jobset):
  """<jobset>-<replicated job>-<its number>-<pod>.<jobset>"""
  name, job = jobset["metadata"]["name"], jobset["spec"]["replicatedJobs"][0]["name"]
  assert f"--coordinator={name}-{job}-0-0.{name}:8476 " in container(jobset)[1]["args"][0]


def test_the_command_of_a_jobset_is_one_that_cmx_takes(jobset, tmp_path):
  _, pod = container(jobset)
  program(tmp_path / "bin", "python", f'exec {sys.executable} "$@"')
  for more, code in (("--only_check_args", 0), ("--only_check_args --no_such_flag=1", 1)):
    text = pod["args"][0].replace("/shared", str(tmp_path)) + f" {more}"
    ended = started([*pod["command"], text], tmp_path / "bin", PROCESSES="2",
                    JOB_COMPLETION_INDEX="1")
    assert ended.returncode == code, ended.stderr


@pytest.fixture
def slurm(tmp_path):
  """Runs the job with an srun that ends with a code -> (code of the job, what was called)."""
  def run(code, restarts="0"):
    said = tmp_path / "said"
    said.write_text("")
    program(tmp_path / "bin", "srun", f'echo "srun $*" >> {said}', f"exit {code}")
    program(tmp_path / "bin", "scontrol", f'echo "scontrol $*" >> {said}')
    ended = started(["bash", CLUSTER / "slurm.sbatch", "--seeds=3"], tmp_path / "bin",
                    SLURM_JOB_ID="17", SLURM_RESTART_COUNT=restarts)
    return ended.returncode, said.read_text().splitlines()
  return run


@pytest.mark.parametrize("code, again", [(0, False), (1, False), (75, True), (143, True),
                                         (134, True)])
def test_a_job_of_slurm_goes_on_where_it_was_stopped_and_not_where_it_has_failed(
    slurm, code, again):
  ended, said = slurm(code)
  assert ended == code and said[1:] == ["scontrol requeue 17"] * again
  assert slurm(code, restarts="20")[1][1:] == []


def test_the_command_of_slurm_is_one_that_cmx_takes(slurm, tmp_path):
  words = slurm(0)[1][0].split()
  start = next(i for i, word in enumerate(words) if word.endswith("python"))
  assert words[-1] == "--seeds=3"
  flags = [word.replace("=runs/", f"={tmp_path}/") for word in words[start + 1:]]
  ended = started([sys.executable, *flags, "--only_check_args"], tmp_path / "bin")
  assert ended.returncode == 0, ended.stderr
