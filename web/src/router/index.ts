import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { useSession } from '@/session/store'
import { followArrivals } from './arrival'

declare module 'vue-router' {
  interface RouteMeta {
    /** Seen without a session. */
    public?: boolean
    /** Without the frame of the signed-in page. */
    bare?: boolean
    /** For administrators; everybody else finds nothing there. */
    admin?: boolean
    /** What the window is called, of the words. Never a name that a user wrote: titles stay in the browser's history. */
    title: 'auth.signIn' | 'auth.register' | 'auth.forgotTitle' | 'auth.resetTitle' | 'auth.verifyTitle' | `nav.${'all' | 'trash' | 'settings' | 'admin' | 'papers' | 'paper' | 'welcome' | 'nothing'}` | 'search.label'
  }
}

// The first segment of each path is in pages.json, which the server reads too.
export const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/library', meta: { title: 'nav.all' } },
  { path: '/login', component: () => import('@/views/LoginView.vue'), meta: { title: 'auth.signIn', public: true, bare: true } },
  { path: '/register', component: () => import('@/views/RegisterView.vue'), meta: { title: 'auth.register', public: true, bare: true } },
  { path: '/forgot', component: () => import('@/views/ForgotView.vue'), meta: { title: 'auth.forgotTitle', public: true, bare: true } },
  { path: '/reset', component: () => import('@/views/ResetView.vue'), meta: { title: 'auth.resetTitle', public: true, bare: true } },
  { path: '/verify', component: () => import('@/views/VerifyView.vue'), meta: { title: 'auth.verifyTitle', public: true, bare: true } },
  { path: '/library', component: () => import('@/views/LibraryView.vue'), props: { trash: false }, meta: { title: 'nav.all' } },
  { path: '/trash', component: () => import('@/views/LibraryView.vue'), props: { trash: true }, meta: { title: 'nav.trash' } },
  { path: '/folders/:folder', component: () => import('@/views/LibraryView.vue'), props: true, meta: { title: 'nav.papers' } },
  { path: '/topics/:topic', component: () => import('@/views/LibraryView.vue'), props: true, meta: { title: 'nav.papers' } },
  { path: '/tags/:tag', component: () => import('@/views/LibraryView.vue'), props: true, meta: { title: 'nav.papers' } },
  { path: '/documents/:id', component: () => import('@/views/PaperView.vue'), props: true, meta: { title: 'nav.paper' } },
  { path: '/search', component: () => import('@/views/SearchView.vue'), meta: { title: 'search.label' } },
  { path: '/settings/:part?', component: () => import('@/views/SettingsView.vue'), props: true, meta: { title: 'nav.settings' } },
  { path: '/admin', component: () => import('@/views/AdminView.vue'), meta: { title: 'nav.admin', admin: true } },
  { path: '/welcome', component: () => import('@/views/WelcomeView.vue'), meta: { title: 'nav.welcome', bare: true } },
  { path: '/:rest(.*)*', name: 'nothing', component: () => import('@/views/NotFoundView.vue'), meta: { title: 'nav.nothing', public: true, bare: true } },
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
  followArrivals(router)
  return router
}
