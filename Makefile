# Thin on purpose: tools/bootstrap does the work and says what it does.
.PHONY: all demo test test-full check clean
.DEFAULT_GOAL := all

all:        ; @tools/bootstrap build      # install and fetch what is missing, build
demo:       ; @tools/bootstrap demo       # … and let a small model answer; PROMPT="…" asks your own
test:       ; @tools/bootstrap test       # … and run the fast tests
test-full:  ; @tools/bootstrap test-full  # … and the slow ones, with every skip and its reason
check:      ; @tools/check                # format, layers, sizes, clang-tidy on changed files
clean:      ; @tools/bootstrap clean      # remove what was compiled, keep what was downloaded
