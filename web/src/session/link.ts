import { ref, watch, type Ref } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/**
 * The token of a link in a mail. It stands behind the #, which no server sees,
 * and leaves the address at once, so that neither history nor a glance has it.
 * Another link opened in the same tab is another token.
 */
export function useLinkToken(): Ref<string> {
  const route = useRoute()
  const router = useRouter()
  const token = ref('')
  watch(
    () => route.hash,
    (hash) => {
      const taken = new URLSearchParams(hash.slice(1)).get('token')
      if (!taken) return
      token.value = taken
      void router.replace({ path: route.path })
    },
    { immediate: true },
  )
  return token
}
