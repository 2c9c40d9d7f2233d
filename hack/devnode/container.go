// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sparkgateway/spark/hack/devnode/podlog"
	"github.com/sparkgateway/spark/hack/envtest/process"
)

// container is the state that the status shows.
type container struct {
	state      corev1.ContainerState
	last       corev1.ContainerState
	restarts   int32
	started    bool
	ready      bool
	incarnated int // how many processes there have been
}

// missingContent is a kubelet's reason while a volume's Secret or ConfigMap is not there.
const missingContent = "ContainerCreating"

// containerOf goes on counting where the pod's status stopped, when the node was started again.
func containerOf(pod *corev1.Pod) container {
	c := container{state: waiting(missingContent, "")}
	if before := pod.Status.ContainerStatuses; len(before) > 0 {
		c.restarts, c.last = before[0].RestartCount, before[0].LastTerminationState
		if before[0].State.Running != nil {
			c.restarts++
		}
	}
	return c
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// start brings the process up, or says in the status what is missing and tries again.
func (r *runner) start(now time.Time) {
	reason, err := r.launch()
	if err != nil {
		r.container.state = waiting(reason, err.Error())
		r.restartAt = now.Add(retryAfter)
		return
	}
	r.restartAt = time.Time{}
	r.container.incarnated++
	r.pid.Store(int64(r.process.PID()))
	r.container.state = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now)}}
	r.container.started, r.container.ready = r.probes.begin(r.address())
	r.log.Info("container started", "pid", r.process.PID(), "address", r.address())
}

func (r *runner) launch() (reason string, err error) {
	spec := &r.pod.Spec.Containers[0]
	program, args, err := r.program(spec)
	if err != nil {
		return "ErrImagePull", err
	}
	if r.lease == nil {
		if r.lease, err = r.node.addresses.take(); err != nil {
			return "CreateContainerError", err
		}
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return "CreateContainerError", err
	}
	if err := r.volumes.refresh(r.ctx, r.pod); err != nil {
		return missingContent, err
	}
	environment, err := r.environment(spec)
	if err != nil {
		return "CreateContainerConfigError", err
	}
	log := r.node.PodLog(r.pod.Namespace, r.pod.Name)
	if r.output == nil {
		if r.output, err = podlog.Open(log, func(err error) { r.log.Error(err, "the log has gaps") }); err != nil {
			return "CreateContainerError", err
		}
	}
	mounts := r.volumes.mounts()
	command := process.Command{
		Path: program, Dir: r.dir, Log: log,
		Env: append(environment.list(mounts), r.node.options.Env...),
	}
	for _, arg := range args {
		command.Args = append(command.Args, mounts.rewrite(expand(arg, environment.values)))
	}
	r.writing = r.output.Begin()
	command.Output = r.writing
	if r.process, err = process.Start(command); err != nil {
		r.writing.End()
		return "RunContainerError", err
	}
	return "", nil
}

// program finds what to run instead of the image.
func (r *runner) program(spec *corev1.Container) (path string, args []string, err error) {
	programs := r.node.options.Programs
	args = append(args, spec.Args...)
	if len(spec.Command) > 0 {
		args = append(append([]string(nil), spec.Command[1:]...), spec.Args...)
	}
	if path := programs[spec.Name]; path != "" {
		return path, args, nil
	}
	if len(spec.Command) > 0 {
		if path := programs[filepath.Base(spec.Command[0])]; path != "" {
			return path, args, nil
		}
	}
	return "", nil, fmt.Errorf("this node has no program for container %q (image %s)", spec.Name, spec.Image)
}

// noticeExit turns the end of the process into the container's state and plans the next one.
func (r *runner) noticeExit(now time.Time) {
	if r.process == nil {
		return
	}
	select {
	case <-r.process.Done():
	default:
		return
	}
	r.probes.stop()
	terminated := terminatedState(r.process.Status(), r.container.state.Running, now)
	r.log.Info("container ended", "exitCode", terminated.ExitCode, "reason", terminated.Reason)
	r.process = nil
	r.pid.Store(0)
	r.writing.End()
	r.killAt, r.preStopEnd = time.Time{}, time.Time{}
	r.container.started, r.container.ready = false, false
	ended := corev1.ContainerState{Terminated: terminated}
	r.container.state = ended
	if r.stopping {
		return
	}
	if now.Sub(terminated.StartedAt.Time) > steadyAfter {
		r.backoff = 0
	}
	r.container.last = ended
	r.container.restarts++
	r.restartAt = now.Add(r.backoff) // the first time at once
	if r.backoff > 0 {
		r.container.state = waiting("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container", r.backoff))
	}
	r.backoff = min(max(2*r.backoff, firstBackoff), lastBackoff)
}

func terminatedState(status syscall.WaitStatus, running *corev1.ContainerStateRunning, now time.Time) *corev1.ContainerStateTerminated {
	t := &corev1.ContainerStateTerminated{ExitCode: int32(status.ExitStatus()), Reason: "Error", FinishedAt: metav1.NewTime(now)}
	if status.Signaled() {
		t.ExitCode, t.Signal = 128+int32(status.Signal()), int32(status.Signal())
	}
	if t.ExitCode == 0 {
		t.Reason = "Completed"
	}
	if running != nil {
		t.StartedAt = running.StartedAt
	}
	return t
}

// judge takes a probe's verdict; a container that does not live is ended and, having ended, restarted.
func (r *runner) judge(result probeResult) {
	if r.process == nil || result.round != r.probes.round {
		return // of a process that is gone
	}
	if result.message != "" {
		r.log.Info("probe failed", "message", result.message)
	}
	switch result.verdict {
	case hasStarted:
		r.container.started = true
	case isReady:
		r.container.ready = true
	case notReady:
		r.container.ready = false
	case isDead:
		if r.stopping {
			return
		}
		grace := r.pod.Spec.TerminationGracePeriodSeconds
		if result.grace != nil {
			grace = result.grace
		}
		r.killAt = time.Now()
		if grace != nil {
			r.killAt = r.killAt.Add(time.Duration(*grace) * time.Second)
		}
		r.process.Signal(syscall.SIGTERM)
	}
}
