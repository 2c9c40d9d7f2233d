// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sparkgateway/spark/hack/envtest/controlplane"
	"github.com/sparkgateway/spark/hack/envtest/process"
)

// operator is bin/manager, started again when it ends, as a cluster would.
type operator struct {
	command  process.Command
	progress *progress

	mu      sync.Mutex
	present *process.Process
	ended   int

	quit, gone chan struct{}
}

const (
	operatorGrace   = 10 * time.Second
	operatorRestart = time.Second
	// whoever ends so often before the gateway is Programmed cannot run at all
	operatorAttempts = 3
)

// startOperator gives it the identity of its service account, and nothing more, so that a right that is missing in
// config/rbac is missed here as well.
func (q *quickstart) startOperator(ctx context.Context) error {
	config, err := q.plane.ServiceAccount(ctx, q.account.Namespace, q.account.Name)
	if err != nil {
		return err
	}
	kubeconfig := q.state.path("operator.kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, config); err != nil {
		return err
	}
	console, err := q.console()
	if err != nil {
		return err
	}
	o := &operator{
		progress: q.progress, quit: make(chan struct{}), gone: make(chan struct{}),
		command: process.Command{
			Path: q.state.bin("manager"), Args: append(console, operatorArgs...), Log: q.state.log("operator"),
			Env: append(os.Environ(), "KUBECONFIG="+kubeconfig, "POD_NAMESPACE="+q.account.Namespace),
		},
	}
	if err := o.start(); err != nil {
		return err
	}
	q.operator = o
	go o.keep()
	return nil
}

// operatorArgs keep it on loopback and off ports that others may want.
var operatorArgs = []string{
	"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=127.0.0.1:0",
}

// consoleAddress is where the console is if the port is free.
const consoleAddress = "127.0.0.1:8082"

// console gives the operator's arguments for a console that whoever is on this machine may see, with a playground that uses the
// samples' key.
func (q *quickstart) console() ([]string, error) {
	address, err := freeAddress(consoleAddress, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	q.consoleURL = "http://" + address + "/console/"
	args := []string{"--console-bind-address=" + address, "--console-secure=false"}
	samples, err := q.samples()
	if err != nil {
		return nil, err
	}
	if key := firstOf(samples, "APIKey"); key != nil {
		args = append(args, "--console-playground="+key.GetNamespace()+"/"+key.GetName())
	}
	return args, nil
}

func (o *operator) start() error {
	p, err := process.Start(o.command)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.present = p
	return nil
}

func (o *operator) running() *process.Process {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.present
}

func (o *operator) keep() {
	defer close(o.gone)
	for {
		<-o.running().Done()
		select {
		case <-o.quit:
			return
		default:
		}
		o.mu.Lock()
		o.ended++
		o.mu.Unlock()
		o.progress.note("the operator ended, starting it again")
		select {
		case <-o.quit:
			return
		case <-time.After(operatorRestart):
		}
		if err := o.start(); err != nil {
			o.progress.note("%v", fmt.Errorf("the operator cannot be started again: %w", err))
			return
		}
	}
}

func (o *operator) stop() {
	close(o.quit)
	o.running().Stop(operatorGrace)
	<-o.gone
	// it may have been started once more in between
	o.running().Stop(operatorGrace)
}

// failure is set when the operator does not stay.
func (o *operator) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended < operatorAttempts {
		return nil
	}
	return fmt.Errorf("the operator ended %d times", o.ended)
}
