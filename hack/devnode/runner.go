// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/hack/devnode/kubelet"
	"github.com/sparkgateway/spark/hack/devnode/podlog"
	"github.com/sparkgateway/spark/hack/envtest/process"
)

// runner is one pod: its volumes, its process, its probes and its status. All fields below `mu`'s block belong to the
// goroutine of run.
type runner struct {
	node    *Node
	uid     types.UID
	log     logr.Logger
	pid     atomic.Int64
	changed chan struct{} // the pod, a Secret or a ConfigMap may have
	done    chan struct{}
	ctx     context.Context // ends when the node does
	abandon context.CancelFunc

	mu     sync.Mutex
	latest *corev1.Pod // nil when it is gone from the API server
	show   kubelet.Pod

	pod        *corev1.Pod
	dir        string
	lease      *lease
	process    *process.Process
	output     *podlog.Log       // nil until the first process
	writing    *podlog.Container // what the present process writes
	container  container
	probes     *probes
	volumes    *volumes
	backoff    time.Duration
	restartAt  time.Time
	preStopEnd time.Time // when a pre-stop sleep is over
	killAt     time.Time
	stopping   bool // the pod is being deleted
	grace      time.Duration
	finished   bool
	published  *corev1.PodStatus
}

const (
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 30 * time.Second
	steadyAfter  = time.Minute // a process that lived so long starts over with the first back-off
	retryAfter   = time.Second // of what the API server refused or does not have yet
	abandonGrace = 2 * time.Second
	apiTimeout   = 10 * time.Second
)

func newRunner(n *Node, pod *corev1.Pod) *runner {
	ctx, cancel := context.WithCancel(context.Background())
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	r := &runner{
		node: n, uid: pod.UID, log: n.options.Log.WithValues("pod", key.String()), latest: pod, pod: pod,
		changed: make(chan struct{}, 1), done: make(chan struct{}), ctx: ctx, abandon: cancel,
		dir: filepath.Join(n.options.Dir, "pods", pod.Namespace+"_"+pod.Name),
	}
	r.show = kubelet.Pod{UID: string(pod.UID), Container: pod.Spec.Containers[0].Name, Done: r.done}
	r.volumes = newVolumes(n.client, &pod.Spec, r.dir)
	r.container = containerOf(pod)
	r.probes = newProbes(&pod.Spec.Containers[0])
	return r
}

// update tells the runner that there is something to look at; nil means that the pod is gone.
func (r *runner) update(pod *corev1.Pod) {
	r.mu.Lock()
	// a pod of the same name is another pod
	if pod != nil && pod.UID != r.uid {
		pod = nil
	}
	r.latest = pod
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *runner) run() {
	defer close(r.done)
	defer r.release()
	for {
		r.advance(time.Now())
		r.showPresent()
		r.publish()
		if r.finished || !r.wait() {
			return
		}
	}
}

// advance does everything that is due.
func (r *runner) advance(now time.Time) {
	r.mu.Lock()
	latest := r.latest
	r.mu.Unlock()
	if latest == nil {
		r.end(0)
		r.finished = true
		return
	}
	r.pod = latest
	if latest.DeletionTimestamp != nil {
		r.stop(now)
	}
	if due(&r.preStopEnd, now) && r.process != nil {
		r.process.Signal(syscall.SIGTERM)
	}
	if due(&r.killAt, now) && r.process != nil {
		r.log.Info("killed after its grace period")
		r.process.Kill()
		<-r.process.Done()
	}
	r.noticeExit(now)
	switch {
	case r.stopping:
		if r.process == nil {
			r.publish()
			r.finished = r.deleteObject()
		}
	case r.process == nil:
		if due(&r.restartAt, now) || r.restartAt.IsZero() {
			r.start(now)
		}
	default:
		if err := r.volumes.refresh(r.ctx, r.pod); err != nil {
			r.log.Info("volumes keep their content", "error", err.Error())
		}
	}
}

func due(at *time.Time, now time.Time) bool {
	if at.IsZero() || now.Before(*at) {
		return false
	}
	*at = time.Time{}
	return true
}

// wait returns false when the node ends.
func (r *runner) wait() bool {
	var ended <-chan struct{}
	if r.process != nil {
		ended = r.process.Done()
	}
	timer := time.NewTimer(r.untilNext())
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		r.end(abandonGrace)
		return false
	case <-r.changed:
		if waits := r.container.state.Waiting; waits != nil && waits.Reason == missingContent {
			r.restartAt = time.Time{} // it may be there now
		}
	case <-ended:
	case <-timer.C:
	case result := <-r.probes.results:
		r.judge(result)
	}
	return true
}

func (r *runner) untilNext() time.Duration {
	wait := time.Hour
	if r.published == nil || r.stopping && r.process == nil {
		wait = retryAfter
	}
	for _, at := range []time.Time{r.restartAt, r.preStopEnd, r.killAt} {
		if !at.IsZero() {
			wait = min(wait, max(0, time.Until(at)))
		}
	}
	return wait
}

// stop asks the process to end. It is called again and again, because a second deletion may shorten the grace period.
func (r *runner) stop(now time.Time) {
	var grace time.Duration
	if given := r.pod.DeletionGracePeriodSeconds; given != nil {
		grace = time.Duration(*given) * time.Second
	}
	if r.stopping && grace >= r.grace {
		return
	}
	first := !r.stopping
	r.stopping, r.grace, r.restartAt = true, grace, time.Time{}
	if r.process == nil {
		return
	}
	r.killAt = now.Add(grace)
	if !first {
		return
	}
	r.probes.onlyReadiness()
	r.preStopEnd = now
	hooks := r.pod.Spec.Containers[0].Lifecycle
	if hooks != nil && hooks.PreStop != nil && hooks.PreStop.Sleep != nil {
		r.preStopEnd = now.Add(time.Duration(hooks.PreStop.Sleep.Seconds) * time.Second)
	}
}

// end stops the process at once or after a grace period, without a word to the API server.
func (r *runner) end(grace time.Duration) {
	r.probes.stop()
	if r.process == nil {
		return
	}
	if seconds := r.pod.Spec.TerminationGracePeriodSeconds; seconds != nil {
		grace = min(grace, time.Duration(*seconds)*time.Second)
	}
	r.process.Stop(grace)
	r.process = nil
	r.pid.Store(0)
	r.writing.End()
}

// showPresent tells the kubelet what there is of the pod now.
func (r *runner) showPresent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show.Address, r.show.Log, r.show.Waiting = r.address(), r.output, nil
	if r.container.incarnated == 0 {
		r.show.Waiting = r.container.state.Waiting
	}
}

func (r *runner) shown() kubelet.Pod {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.show
}

// deleteObject is the kubelet's last word: nobody else removes a pod that was deleted gracefully.
func (r *runner) deleteObject() bool {
	ctx, cancel := context.WithTimeout(r.ctx, apiTimeout)
	defer cancel()
	err := r.node.client.Delete(ctx, r.pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &r.pod.UID})
	if client.IgnoreNotFound(err) != nil {
		r.log.Error(err, "the pod's object stays")
		return false
	}
	return true
}

func (r *runner) release() {
	r.lease.release()
	if r.output != nil {
		if err := r.output.Close(); err != nil {
			r.log.Error(err, "log not closed")
		}
	}
	// Secrets do not outlive their pod; its log, which is elsewhere, does
	if err := os.RemoveAll(r.dir); err != nil {
		r.log.Error(err, "the pod's directory stays")
	}
}

// publish writes the status if it says anything new.
func (r *runner) publish() {
	if r.finished {
		return
	}
	next := r.pod.DeepCopy()
	next.Status = podStatus(r.pod, r.published, r.container, r.address(), metav1.Now())
	if r.published != nil && sameStatus(*r.published, next.Status) {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, apiTimeout)
	defer cancel()
	status := next.Status.DeepCopy()
	if err := r.node.client.Status().Patch(ctx, next, client.MergeFrom(r.basis())); err != nil {
		r.published = nil // try again
		if client.IgnoreNotFound(err) != nil && r.ctx.Err() == nil {
			r.log.Error(err, "status not written")
		}
		return
	}
	r.published = status
}

// basis is the pod with the status that this runner wrote last: the cache may lag behind it.
func (r *runner) basis() *corev1.Pod {
	basis := r.pod.DeepCopy()
	if r.published != nil {
		basis.Status = *r.published
	}
	return basis
}

func (r *runner) address() string {
	if r.lease == nil {
		return ""
	}
	return r.lease.address
}
