# SPDX-License-Identifier: GPL-2.0-or-later
.PHONY: check test demo docs package

PYTHON = .venv/bin/python

check: ## style, types, budget and generated pages: no test is run
	dev/setup tools
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) dev/measure.py
	$(PYTHON) dev/make_docs.py --check
	$(PYTHON) dev/make_models.py --check

test: ## every test
	dev/test

demo: ## raw images to one mosaic, in build/demo
	dev/demo

docs: ## pages of the algorithms and the glossary
	$(PYTHON) dev/make_docs.py

package: ## build/orthoweave.zip, checked as the plugin store does
	dev/package.sh
