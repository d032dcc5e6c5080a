import { ref } from 'vue'

/** Whether the help on searching and keys is shown. */
export const helpShown = ref(false)
