// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package loopback

import (
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

func portOf(t *testing.T, address string) int {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	port, notNumber := strconv.Atoi(text)
	if err != nil || notNumber != nil || host != "127.0.0.1" {
		t.Fatalf("address %q", address)
	}
	return port
}

func TestAnAddressCanBeListenedOnAgainAndAgain(t *testing.T) {
	address, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	if port := portOf(t, address); port < least || port >= least+ports {
		t.Errorf("port %d may be a client's", port)
	}
	for range 3 {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
	}
}

func TestEverybodyIsGivenAnAddressOfTheirOwn(t *testing.T) {
	const askers = 200
	var mu sync.Mutex
	var wg sync.WaitGroup
	given := map[string]int{}
	for range askers {
		wg.Go(func() {
			address, err := Free()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			given[address]++
		})
	}
	wg.Wait()
	for address, n := range given {
		if n != 1 {
			t.Errorf("%s was given %d times", address, n)
		}
	}
}

func TestAPortIsClaimedOnceInAllProcesses(t *testing.T) {
	address, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, address)
	if claim(port) {
		t.Error("this process claims it again")
	}
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere processes do not know of each other")
	}
	// What another process would try.
	if held, err := net.Listen("unix", fmt.Sprintf("@spark-test-port-%d", port)); err == nil {
		_ = held.Close()
		t.Error("another process can claim it")
	}
	const theirs = least + ports
	held, err := net.Listen("unix", fmt.Sprintf("@spark-test-port-%d", theirs))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if claim(theirs) {
		t.Error("what another process claimed is claimed")
	}
}

func TestAPortThatSomebodyListensOnIsLeft(t *testing.T) {
	address, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for range 100 {
		if other, err := Free(); err != nil || other == address {
			t.Fatalf("given %q, %v", other, err)
		}
	}
}
