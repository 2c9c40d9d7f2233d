// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package devnode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (b *bed) secret(name string, content map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name}, StringData: content}
}

func (b *bed) pid(pod *corev1.Pod) int { return b.node.PID(b.namespace, pod.Name) }

func TestAPodSeesANewSecretWithoutARestart(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1, "--dir=/etc/demo/config")
	optional := true
	var sources []corev1.VolumeProjection
	for _, name := range []string{"config", "later"} {
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional,
			Items: []corev1.KeyToPath{{Key: "document", Path: name + "/document.json"}},
		}})
	}
	pod := &d.Spec.Template.Spec
	pod.Volumes = []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}}}
	pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/etc/demo/config"}}
	config := b.secret("config", map[string]string{"document": "one"})
	b.create(config, d)
	running := b.ready(1)[0]
	read := func(name string) string {
		return get(&running, "/file?path="+configDir(t, &running)+"/"+name+"/document.json")
	}
	if got := read("config"); got != "one" {
		t.Fatalf("the mounted file says %q", got)
	}
	pid := b.pid(&running)
	config.StringData = map[string]string{"document": "two"}
	began := time.Now()
	if err := b.client.Update(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.eventually("the second document", func() bool { return read("config") == "two" })
	t.Logf("seen %s after the update", time.Since(began).Round(time.Millisecond))
	b.create(b.secret("later", map[string]string{"document": "also"}))
	b.eventually("the document that was not there", func() bool { return read("later") == "also" })
	if got := b.pid(&running); got != pid {
		t.Errorf("the process changed from %d to %d", pid, got)
	}
}

// configDir is what the program was told instead of the mount's path.
func configDir(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	var about struct{ Args []string }
	if err := json.Unmarshal([]byte(get(pod, "/about")), &about); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(about.Args[0], "--dir=")
}

func TestAPodWaitsForARequiredSecret(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1)
	pod := &d.Spec.Template.Spec
	pod.Volumes = []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "config"}}}}
	pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/etc/demo/config"}}
	b.create(d)
	b.eventually("a pod that says what it lacks", func() bool {
		pods := b.pods()
		return len(pods) == 1 && len(pods[0].Status.ContainerStatuses) == 1 && pods[0].Status.Phase == corev1.PodPending &&
			pods[0].Status.ContainerStatuses[0].State.Waiting != nil &&
			strings.Contains(pods[0].Status.ContainerStatuses[0].State.Waiting.Message, `"config" not found`)
	})
	b.create(b.secret("config", map[string]string{"a": "b"}))
	b.ready(1)
}

func TestEnvironmentAndArgumentsAreResolvedAsInACluster(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1, "--name=$(NAME)", "--plain=$$(NAME)", "--unknown=$(NOBODY)", "--config=/etc/demo/config/a")
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	pod := &d.Spec.Template.Spec
	pod.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/etc/demo/config"}}
	pod.Containers[0].Env = []corev1.EnvVar{
		{Name: "NAME", ValueFrom: field("metadata.name")}, {Name: "UID", ValueFrom: field("metadata.uid")},
		{Name: "IP", ValueFrom: field("status.podIP")}, {Name: "APP", ValueFrom: field("metadata.labels['app']")},
		{Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "token"}, Key: "value",
		}}},
		{Name: "GREETING", Value: "hello $(APP)"}, {Name: "CONFIG", Value: "/etc/demo/config"},
	}
	b.create(b.secret("token", map[string]string{"value": "s3cret"}), d)
	running := b.ready(1)[0]
	var about struct {
		Args []string
		Env  map[string]string
	}
	if err := json.Unmarshal([]byte(get(&running, "/about")), &about); err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(b.dir, "pods", b.namespace+"_"+running.Name, "volumes", "scratch")
	wantArgs := "--name=" + running.Name + " --plain=$(NAME) --unknown=$(NOBODY) --config=" + scratch + "/a"
	if got := strings.Join(about.Args, " "); got != wantArgs {
		t.Errorf("arguments %q, want %q", got, wantArgs)
	}
	for name, want := range map[string]string{
		"NAME": running.Name, "UID": string(running.UID), "IP": running.Status.PodIP, "APP": "demo", "TOKEN": "s3cret",
		"GREETING": "hello demo", "CONFIG": scratch, BindAddressVariable: running.Status.PodIP,
	} {
		if got := about.Env[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestADeletedPodMayFinishAndIsReplaced(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	pod := b.ready(1)[0]
	if err := b.client.Delete(t.Context(), &pod); err != nil {
		t.Fatal(err)
	}
	b.eventually("another pod", func() bool {
		pods := b.pods()
		return len(pods) == 1 && pods[0].Name != pod.Name && isPodReady(&pods[0])
	})
	if log, _ := os.ReadFile(b.node.PodLog(b.namespace, pod.Name)); !strings.Contains(string(log), "asked to end") {
		t.Errorf("the program was not asked to end: %q", log)
	}
	// The directory goes after the object.
	b.eventually("the end of the pod's directory", func() bool {
		left, _ := filepath.Glob(filepath.Join(b.dir, "pods", "*"+pod.Name))
		return len(left) == 0
	})
}

func TestAPodThatStaysIsKilledAfterItsGracePeriod(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1, "stubborn")
	grace := int64(1)
	d.Spec.Template.Spec.TerminationGracePeriodSeconds = &grace
	b.create(d)
	pod := b.ready(1)[0]
	pid := b.pid(&pod)
	if err := b.client.Delete(t.Context(), &pod); err != nil {
		t.Fatal(err)
	}
	b.eventually("the end of the pod", func() bool {
		return syscall.Kill(pid, 0) != nil && client.IgnoreNotFound(b.client.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod)) == nil && gone(b, pod.Name)
	})
	if log, _ := os.ReadFile(b.node.PodLog(b.namespace, pod.Name)); !strings.Contains(string(log), "I stay") {
		t.Errorf("the program was not asked first: %q", log)
	}
}

func gone(b *bed, name string) bool {
	for _, pod := range b.pods() {
		if pod.Name == name {
			return false
		}
	}
	return true
}

func TestAPodThatIsDeletedByForceLosesItsProcess(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1, "stubborn"))
	pod := b.ready(1)[0]
	pid := b.pid(&pod)
	if err := b.client.Delete(t.Context(), &pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	b.eventually("the end of the process", func() bool { return syscall.Kill(pid, 0) != nil })
}

func TestACrashedContainerIsRestartedInItsPod(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	before := b.ready(1)[0]
	get(&before, "/exit")
	b.eventually("a restart", func() bool {
		pods := b.pods()
		return len(pods) == 1 && isPodReady(&pods[0]) && pods[0].Status.ContainerStatuses[0].RestartCount == 1
	})
	after := b.ready(1)[0]
	if after.UID != before.UID || after.Status.PodIP != before.Status.PodIP {
		t.Errorf("pod %s at %s became %s at %s", before.UID, before.Status.PodIP, after.UID, after.Status.PodIP)
	}
	last := after.Status.ContainerStatuses[0].LastTerminationState.Terminated
	if last == nil || last.ExitCode != 3 || last.Reason != "Error" {
		t.Errorf("last state %+v, want exit code 3", last)
	}
	if before.Status.ContainerStatuses[0].ContainerID == after.Status.ContainerStatuses[0].ContainerID {
		t.Error("the container kept its id")
	}
}

func TestAContainerThatKeepsCrashingBacksOff(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1, "crash"))
	b.eventually("a crash loop", func() bool {
		pods := b.pods()
		if len(pods) != 1 || len(pods[0].Status.ContainerStatuses) != 1 {
			return false
		}
		status := pods[0].Status.ContainerStatuses[0]
		return status.RestartCount >= 3 && status.State.Waiting != nil && status.State.Waiting.Reason == "CrashLoopBackOff" &&
			status.LastTerminationState.Terminated != nil && status.LastTerminationState.Terminated.ExitCode == 7
	})
}

func TestAStoppedProcessMakesItsPodUnreadyUntilItGoesOn(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	pod := b.ready(1)[0]
	pid := b.pid(&pod)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.eventually("an unready pod", func() bool { p := b.pods(); return len(p) == 1 && !isPodReady(&p[0]) })
	status := b.pods()[0].Status.ContainerStatuses[0]
	if status.Ready || status.Started == nil || !*status.Started || status.State.Running == nil || status.RestartCount != 0 {
		t.Errorf("container %+v, want started and running, not ready", status)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.ready(1)
	if got := b.pid(&pod); got != pid {
		t.Errorf("the process changed from %d to %d", pid, got)
	}
}

func TestAContainerThatFailsItsLivenessProbeIsRestarted(t *testing.T) {
	b := newBed(t)
	d := b.deployment(1)
	main := &d.Spec.Template.Spec.Containers[0]
	main.LivenessProbe, main.StartupProbe = main.ReadinessProbe.DeepCopy(), main.ReadinessProbe.DeepCopy()
	main.StartupProbe.FailureThreshold = 30
	b.create(d)
	pod := b.ready(1)[0]
	get(&pod, "/sick")
	b.eventually("a restart", func() bool {
		pods := b.pods()
		return len(pods) == 1 && isPodReady(&pods[0]) && pods[0].Status.ContainerStatuses[0].RestartCount == 1
	})
}

func TestANodeThatComesBackRestartsItsPods(t *testing.T) {
	b := newBed(t)
	b.create(b.deployment(1))
	before := b.ready(1)[0]
	pid := b.pid(&before)
	b.node.Stop()
	if syscall.Kill(pid, 0) == nil {
		t.Error("the process outlived its node")
	}
	b.start()
	b.eventually("the same pod with another process", func() bool {
		pods := b.pods()
		return len(pods) == 1 && pods[0].UID == before.UID && pods[0].Status.ContainerStatuses[0].RestartCount == 1 && isPodReady(&pods[0])
	})
}
