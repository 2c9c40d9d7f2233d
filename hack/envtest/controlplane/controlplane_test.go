// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sparkgateway/spark/hack/envtest/assets"
)

func start(t *testing.T) *ControlPlane {
	t.Helper()
	dir, err := assets.Default(os.Stderr).Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(t.Context(), Options{Assets: dir, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func clients(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestAUserMayDoOnlyWhatItsRolesSay(t *testing.T) {
	c := start(t)
	admin := clients(t, c.Config)
	if got, err := admin.Discovery().ServerVersion(); err != nil || got.GitVersion != "v"+assets.KubernetesVersion {
		t.Errorf("version %v, error %v, want %s", got, err, assets.KubernetesVersion)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}
	if _, err := admin.CoreV1().ServiceAccounts("default").Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"list"}}},
	}
	if _, err := admin.RbacV1().Roles("default").Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "operator"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: "operator"}},
	}
	if _, err := admin.RbacV1().RoleBindings("default").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	config, err := c.ServiceAccount(t.Context(), "default", "operator")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := WriteKubeconfig(path, config); err != nil {
		t.Fatal(err)
	}
	if config, err = clientcmd.BuildConfigFromFlags("", path); err != nil {
		t.Fatal(err)
	}
	operator := clients(t, config).CoreV1()
	awaitPermission(t, func() error {
		_, err := operator.ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		return err
	})
	if _, err := operator.Secrets("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing Secrets: %v, want forbidden", err)
	}
	nobody, err := c.User("nobody")
	if err != nil {
		t.Fatal(err)
	}
	_, err = clients(t, nobody).CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("listing ConfigMaps: %v, want forbidden to nobody", err)
	}
}

// awaitPermission polls because the authorizer learns of a new binding through a watch.
func awaitPermission(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func TestAProgramThatCannotStartIsReportedWithItsLog(t *testing.T) {
	assets := t.TempDir()
	script := "#!/bin/sh\necho no space left on device >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(assets, "etcd"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Assets: assets, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || !strings.Contains(err.Error(), "etcd ended") {
		t.Errorf("error %v, want etcd's own words", err)
	}
}

func TestTheEndOfAProgramIsNoticed(t *testing.T) {
	c := start(t)
	failed := c.Failed(t.Context())
	c.running[1].Kill()
	select {
	case err := <-failed:
		if !strings.Contains(err.Error(), "kube-apiserver ended") {
			t.Errorf("error %v, want the API server's", err)
		}
	case <-time.After(time.Minute):
		t.Error("nobody noticed")
	}
}
