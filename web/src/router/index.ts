import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { useSession } from '@/session/store'

declare module 'vue-router' {
  interface RouteMeta {
    /** Seen without a session. */
    public?: boolean
    /** Without the frame of the signed-in page. */
    bare?: boolean
    /** For administrators; everybody else finds nothing there. */
    admin?: boolean
  }
}

// The first segment of each path is in pages.json, which the server reads too.
export const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/library' },
  { path: '/login', component: () => import('@/views/LoginView.vue'), meta: { public: true, bare: true } },
  { path: '/register', component: () => import('@/views/RegisterView.vue'), meta: { public: true, bare: true } },
  { path: '/forgot', component: () => import('@/views/ForgotView.vue'), meta: { public: true, bare: true } },
  { path: '/reset', component: () => import('@/views/ResetView.vue'), meta: { public: true, bare: true } },
  { path: '/verify', component: () => import('@/views/VerifyView.vue'), meta: { public: true, bare: true } },
  { path: '/library', component: () => import('@/views/LibraryView.vue'), props: { trash: false } },
  { path: '/trash', component: () => import('@/views/LibraryView.vue'), props: { trash: true } },
  { path: '/folders/:folder', component: () => import('@/views/LibraryView.vue'), props: true },
  { path: '/topics/:topic', component: () => import('@/views/LibraryView.vue'), props: true },
  { path: '/tags/:tag', component: () => import('@/views/LibraryView.vue'), props: true },
  { path: '/documents/:id', component: () => import('@/views/PaperView.vue'), props: true },
  { path: '/search', component: () => import('@/views/SearchView.vue') },
  { path: '/settings/:part?', component: () => import('@/views/SettingsView.vue'), props: true },
  { path: '/admin', component: () => import('@/views/AdminView.vue'), meta: { admin: true } },
  { path: '/welcome', component: () => import('@/views/WelcomeView.vue'), meta: { bare: true } },
  { path: '/:rest(.*)*', name: 'nothing', component: () => import('@/views/NotFoundView.vue'), meta: { public: true, bare: true } },
]

export function makeRouter() {
  const router = createRouter({ history: createWebHistory(), routes })
  router.beforeEach(async (to) => {
    const session = useSession()
    // Who is at the door and has a session goes in.
    await session.start()
    if (session.status === 'in') {
      if (to.meta.admin && session.user?.role !== 'admin') return { name: 'nothing', params: { rest: to.path.split('/').slice(1) } }
      return to.path === '/login' || to.path === '/register' ? '/library' : true
    }
    if (to.meta.public) return true
    return { path: '/login', query: to.path === '/library' ? {} : { to: to.fullPath } }
  })
  return router
}
