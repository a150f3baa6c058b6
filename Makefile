# Every target makes what it needs: an environment in .venv, built once from pyproject and constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
CORES ?= $(shell $(PYTHON) -c 'import os; print(min(8, os.cpu_count()))')
export OMP_NUM_THREADS ?= 1
COMFYUI_PYTHON ?= $(PYTHON)

.PHONY: demo demo-voice demo-person test host-test browser-test thumbnails quality check format golden clean

demo: $(READY)  # two things at a time: each alone leaves a core idle
	$(MAKE) --no-print-directory --jobs 2 demo-voice demo-person

demo-voice: $(READY)
	$(BIN)/python -m imagineid_core.cli listen samples/hello.wav --out out/demo/voice --overwrite
	$(BIN)/python -m imagineid_core.cli inspect samples/hello.wav --picture out/demo/sound.png
	$(BIN)/python -m imagineid_core.cli face sheet --seed 0 --out out/demo/heads.png
	$(BIN)/python -m imagineid_core.cli face sheet --of portraits --seed 0 --out out/demo/people.png

demo-person: $(READY)
	$(BIN)/python -m imagineid_core.cli imagine samples/hello.wav --seconds 3 --seed 3 --overwrite \
		--out out/demo/person.mp4 --sheet out/demo/person.png --report out/demo/person.json

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

host-test: $(if $(COMFYUI_PATH),$(READY))  # ComfyUI's interpreter runs the tests if it has pytest
	@test -n "$(COMFYUI_PATH)" || { echo "host-test needs COMFYUI_PATH, a ComfyUI folder"; exit 2; }
	COMFYUI_PATH="$(COMFYUI_PATH)" COMFYUI_PYTHON="$(COMFYUI_PYTHON)" $$("$(COMFYUI_PYTHON)" \
		-c 'import pytest, sys; print(sys.executable)' 2> /dev/null || echo $(BIN)/python) \
		-m pytest tests/host

# COMFYUI_PATH a ComfyUI folder, COMFYUI_PYTHON its interpreter, COMFYUI_FRONTEND the folder of another
# front end (with its index.html), CHROMIUM a browser if none is on the PATH.
browser-test: $(if $(COMFYUI_PATH),$(READY))
	@test -n "$(COMFYUI_PATH)" || { echo "browser-test needs COMFYUI_PATH, a ComfyUI folder"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.40'
	COMFYUI_PATH="$(COMFYUI_PATH)" COMFYUI_PYTHON="$(COMFYUI_PYTHON)" \
		$(BIN)/python -m pytest -rs tests/browser

# WORKFLOWS names some of them, as in WORKFLOWS="listen_imagine long_audio"; look at what it makes.
thumbnails: $(if $(COMFYUI_PATH),$(READY))
	@test -n "$(COMFYUI_PATH)" || { echo "thumbnails needs COMFYUI_PATH, a ComfyUI folder"; exit 2; }
	COMFYUI_PATH="$(COMFYUI_PATH)" COMFYUI_PYTHON="$(COMFYUI_PYTHON)" PYTHONPATH=tests \
		$(BIN)/python -m host.thumbnails $(WORKFLOWS)

quality: $(READY)  # the shipped suite against assets/quality.json, some minutes
	$(BIN)/python -m imagineid_core.cli evaluate quality --out out/quality.json --overwrite

check: $(READY)
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m pyright

format: $(READY)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

golden: $(READY)  # rewrite the golden pictures; then look at them
	IMAGINEID_UPDATE_GOLDEN=1 $(BIN)/python -m pytest tests/render/test_mesh_frame.py

clean:
	rm -rf .venv out build *.egg-info .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $@
