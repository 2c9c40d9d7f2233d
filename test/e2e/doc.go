// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e proves on a real cluster what no smaller test can: installing, rollouts, faults of pods and of the
// operator, and how soon a status tells the truth. It runs against whatever cluster KUBECONFIG names:
//
//	go test -tags e2e -count=1 -timeout 20m ./test/e2e/...
//
// The cluster must be one that may be changed, by one run at a time: the operator is installed, stopped and started,
// and removed again unless it was there before. Of the environment it reads
//
//	E2E_LOAD_IMAGE  a command that brings an image to the nodes, called as: COMMAND NAME:TAG ENTRYPOINT FILE:DEST.
//	                Without it the images must be there already.
//	E2E_REDIS_IMAGE an image of Redis 7 or Valkey 8, or later, whose arguments are the server's. Default: one made of this
//	                machine's redis-server.
//	E2E_KEEP        1 leaves everything in place afterwards, to look at.
//	E2E_REST        how long the operator is watched at rest, as a Go duration; default 2m.
package e2e
